"""Where everything meets: a scenario and a seed become an alliance of chains on one clock.

- `alliance` puts the parts together.
- `configs`, `networks` and `streams` say what a scenario says, under the names of the rooms that run it.
- `emitted` says what casework asks of chains and links, `places` through which nodes, `measured` what became of it.
"""

from sim.build.alliance import Alliance, build
from sim.build.measured import measure
from sim.build.places import provinces
from sim.build.streams import curve_of, rate_at_start

__all__ = ["Alliance", "build", "curve_of", "measure", "provinces", "rate_at_start"]
