"""Heights computed by compiled event loops.

Where the leadership moves on with every height, a block is cut when its proposer has executed the one before, so that
heights can't be taken side by side as arrays. The same events as with single messages happen here, one by one, but as
numbers in arrays that compiled code runs through; nothing is left out, so every time is the same to the nanosecond.
`trains` is for heights that do lie side by side, and all of whose cuts are known: there no event needs Python.
"""
