"""The vocabulary: records, plan, ports and the one codec. Pure: no I/O, no platform, no key.

Nothing here imports anything of the project but `grouparchive.errors`.
"""
