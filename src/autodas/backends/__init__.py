"""Where independent units of work run: in this process, or in several.

A backend maps a function over items and hands back each result as soon as it is there, with the
number of its item. A unit that raises becomes a ``Failed`` value and the others go on; a worker
process that dies (killed, out of memory) costs one unit a second try, never the run. Nothing
here knows what the units do, and the results do not depend on the backend.

Names: ``backend`` (by name), ``Backend`` (the protocol), ``Serial``, ``Processes``.
"""

from autodas.backends.base import BACKENDS, Backend, attempt, backend
from autodas.backends.processes import Processes
from autodas.backends.serial import Serial

__all__ = ["BACKENDS", "Backend", "Processes", "Serial", "attempt", "backend"]
