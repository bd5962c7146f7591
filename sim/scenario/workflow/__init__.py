"""The language of workflows: from ``scenarios/workflows/*.yaml`` to the frozen data of `sim.casework.definition`.

A file is a tree of text (`yamltree`) in which shared steps are filled in (`steps`), which the models read (`model`),
whose sense is checked (`check`), and which becomes a `Workflow` (`convert`). `loader.load_workflow` does all of it.
"""
