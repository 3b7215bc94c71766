"""Many days of two nodes and a centre in one process, decided by a seed: faults while they work, invariants at the end.

In reading order: `dice` decides everything, `template` is the world on its first morning, `fuse` pulls plugs,
`machines` are the nodes and the centre with clocks, disks and tokens that fail, `link` is the network between them,
`lies` what somebody on the way may answer instead, `world` holds them together and keeps the trace, `actions` and
`centre_actions` are what people do, `carrying` what goes by stick and by neighbours, `disasters` and
`centre_disasters` what befalls disks, `finale` the time to finish, `invariants` what must hold of the artefacts then,
`planted` and `planted_centre` the wrong programs that must be found (`changed` puts them in their place), `runner`
plays a seed, with `remembered` what pure functions gave, `interleavings` has another menu for it,
`slices` the seeds of `make test`.
`python -m tests.simulation --help` plays some by hand.
"""
