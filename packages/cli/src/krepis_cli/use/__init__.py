"""What `krepis use`, `krepis plan` and `krepis why` are made of.

- `reading`: a spec, read and checked, with its mistakes as the command shows them
- `into`: the folder that a spec is built into
- `building`: the files of a project, as one operation of its log
- `gate`, `checks`: what judges a project, run in its own environment
- `tasks`, `run`, `run_shown`: the tree of tasks that a build is, where it is kept, and how it is shown
- `serving`: `krepis run` in the project
- `origins`, `tracing`: which lines of the spec a definition comes from, and the answers of `krepis why`
"""
