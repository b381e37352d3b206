"""Packs: data sets decoded once, in one memory-mapped file each; and the cache of them.

Import from `striate.data`, or from the files themselves: `reader` is a kind of source, which `writer` reopens by name.
"""
