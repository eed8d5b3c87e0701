"""The machine: devices, threads, processes and memory, and how to get the same bits twice.

Nothing here knows what is computed.
"""
