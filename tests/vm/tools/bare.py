#!/usr/bin/env python3
"""The least that serving frames over HTTP costs: bare.py CLIP PORT FPS sends the clip's first frame to whoever has connected, with one
call a frame and viewer, and does nothing else. No camera, no copy, no thought for who is slow."""
import selectors
import socket
import sys
import time

clip, port, fps = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with open(clip, "rb") as file:
    data = file.read(1 << 20)
frame = data[:data.index(b"\xff\xd9\xff\xd8") + 2]
head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n--b\r\n"
part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--b\r\n" % (len(frame), frame)
listener = socket.create_server(("127.0.0.1", port))
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
viewers, due = [], time.monotonic()
while True:
    if selector.select(max(due - time.monotonic(), 0)):
        connection, _ = listener.accept()
        if b"/snapshot" in connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()
        else:
            connection.sendall(head)
            viewers.append(connection)
    if time.monotonic() >= due:
        due += 1 / fps
        for viewer in list(viewers):
            try:
                viewer.sendall(part)
            except OSError:
                viewers.remove(viewer)
