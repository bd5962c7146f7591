"""The regression gate: it notices when this code gets slower, on machines whose clocks cannot be trusted.

Three things are held, and none of them is a time:

- *opcodes*: how many bytecode instructions of CPython small fixed courses take, per event and per transaction. They are
  the
  same on every machine; more than 2 % more is a failure (`opcodes`, `courses`, `opcodes.json`).
- *bands*: how long compiled and array parts take, as a multiple of a yardstick in the same moments. Which multiples are
  usual
  was recorded on processors of the same kind, half of them under load (`probes`, `measure`, `recordings`, `bands`).
- *floors*: the same multiples against a limit that holds on any processor, where nothing was recorded.

`python -m bench.gate check` says what is wrong; `update`, `record` and `proof` are explained in `__main__`.
"""
