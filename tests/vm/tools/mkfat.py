#!/usr/bin/env python3
"""Makes an empty FAT16 file system of 64 MiB: mkfat.py IMAGE. (The guest has no mkfs.vfat.)"""
import struct
import sys

SECTORS, SECTOR, CLUSTER, ENTRIES = 131072, 512, 4, 512
TABLE = -(-(SECTORS // CLUSTER + 2) * 2 // SECTOR)  # sectors of each of the two tables

boot = b"\xeb\x3c\x90MKFAT   " + struct.pack(
    "<HBHBHHBHHHII", SECTOR, CLUSTER, 1, 2, ENTRIES, 0, 0xF8, TABLE, 32, 64, 0, SECTORS
)
boot += struct.pack("<BBBI", 0x80, 0, 0x29, 1) + b"CAMCAST    FAT16   "
with open(sys.argv[1], "wb") as image:
    image.write(boot.ljust(510, b"\0") + b"\x55\xaa")
    for table in range(2):
        image.seek((1 + table * TABLE) * SECTOR)
        image.write(b"\xf8\xff\xff\xff")
    image.truncate(SECTORS * SECTOR)
