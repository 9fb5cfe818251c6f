#!/usr/bin/env python3
"""Sends a frame's worth of datagrams at once, as a sender without pacing would: flood.py HOST PORT BYTES"""
import socket
import sys

UDP_SEGMENT = 103  # <linux/udp.h>
DATAGRAM = 1452
TRAIN = 45  # datagrams in one call


def main():
    host, port, left = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_UDP, UDP_SEGMENT, DATAGRAM)
    while left > 0:
        length = min(left, TRAIN * DATAGRAM)
        sender.sendto(bytes(length), (host, port))
        left -= length


if __name__ == "__main__":
    main()
