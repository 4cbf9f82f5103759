"""Where independent units of work run: in this process, in several, or on several machines.

A backend maps a function over items and hands back each result as soon as it is there, with the
number of its item. A unit that raises becomes a ``Failed`` value and the others go on; a worker
process that dies (killed, out of memory) costs one unit a second try, never the run. Nothing
here knows what the units do, and the results do not depend on the backend.

Names: ``backend`` (by name), ``Backend`` (the protocol), ``Serial``, ``Processes``, ``Ray``, and
``Workers``, the choice among them as every long step is told it, and
``leave_if_unguarded``, for what a script may call first.
"""

from autodas.backends.base import BACKENDS, Backend, attempt, backend
from autodas.backends.processes import Processes
from autodas.backends.ray import Ray
from autodas.backends.serial import Serial
from autodas.backends.worker import leave_if_unguarded
from autodas.backends.workers import Jobs, Workers, workers_of

__all__ = [
    "BACKENDS",
    "Backend",
    "Jobs",
    "Processes",
    "Ray",
    "Serial",
    "Workers",
    "attempt",
    "backend",
    "leave_if_unguarded",
    "workers_of",
]
