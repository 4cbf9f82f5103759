"""What every other package stands on, and what knows none of them.

errors (one-line messages for users), results (a failure is a value), catalog (name -> object),
rng (seeds derived from names), schedules (functions of progress), digest (content addresses),
files (atomic writes), runs (run directory, journal, resume), values (typed columns over many
architectures at once).
"""
