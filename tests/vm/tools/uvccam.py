#!/usr/bin/env python3
"""A USB Video Class MJPEG camera in user space, for the kernel's own uvcvideo driver.

It is plugged into this kernel through USB/IP's virtual host controller, over a socket pair instead of a network.
Needs root and `modprobe -a vhci-hcd uvcvideo`. Frames come from a clip, in order, round and round; the next one is not
due before the last one has been taken, so a slow guest sees a slow camera and not one that drops frames.

Several of them can be there at once: give each a --port and a --ctl of its own, and the --serial that it is to have.
--forgets makes a camera whose brightness is back at its default when a stream starts; --stubborn one that takes no other
value while it streams, either. uvcvideo answers for a control out of its own memory, unless the camera says that the control
changes by itself: --auto-update says so. --coarse N rounds what is set to multiples of N.

Faults are asked for by lines written to a FIFO (echo hang > /run/uvccam.ctl):
  unplug | plug [N]  pull the cable, put it back, into port N
  hang [SECONDS] | go  send no frames while the device stays, for good or for so long | send them again
  stall              the endpoint stalls once
  deaf | hear        answer no request to endpoint 0, where controls are asked and set | answer again
  truncate N         every Nth frame is cut in half (0: none)
  error N            every Nth frame has the payload header's error bit (0: none)
  drop N             every Nth frame is not sent (0: none)
  fps X              another rate
  quit               unplug and end
"""
import argparse
import collections
import dataclasses
import os
import socket
import struct
import sys
import threading
import time

import mjpeg


def log(*words):
    print(f"uvccam {time.monotonic():.3f}", *words, flush=True)


class Descriptors:
    """What the camera tells of itself. Tables: USB 2.0 chapter 9, UVC 1.1 sections 3 and 4."""

    # Class-specific descriptor types and subtypes
    CS_INTERFACE = 0x24
    VC_HEADER, VC_INPUT_TERMINAL, VC_OUTPUT_TERMINAL, VC_PROCESSING_UNIT = 1, 2, 3, 5
    VS_INPUT_HEADER, VS_FORMAT_MJPEG, VS_FRAME_MJPEG, VS_COLORFORMAT = 1, 6, 7, 13
    VIDEO, VIDEO_CONTROL, VIDEO_STREAMING, VIDEO_COLLECTION = 0x0E, 1, 2, 3
    CAMERA, PROCESSING_UNIT, OUTPUT = 1, 2, 3  # our ids of the three entities
    STREAM_ENDPOINT = 0x81
    CLOCK_HZ = 48_000_000
    INTERVAL = 10_000_000 // 30  # of a frame, in 100 ns

    def __init__(self, width, height, serial):
        self.max_frame = width * height * 2
        self.max_payload = self.max_frame + 12  # a whole frame in one payload
        self.strings = ["", "Camcast", "VM UVC camera", serial]
        self.device = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, 0x1D6B, 0x0102, 0x0100, 1, 2, 3, 1)
        interfaces = self._control_interface() + self._streaming_interface(width, height)
        association = bytes([8, 11, 0, 2, self.VIDEO, self.VIDEO_COLLECTION, 0, 2])
        length = 9 + len(association) + len(interfaces)
        self.configuration = struct.pack("<BBHBBBBB", 9, 2, length, 2, 1, 0, 0x80, 250) + association + interfaces

    def _control_interface(self):
        camera = struct.pack("<BBBBHBBHHHBH", 17, self.CS_INTERFACE, self.VC_INPUT_TERMINAL, self.CAMERA, 0x0201,
                             0, 0, 0, 0, 0, 2, 0)
        # One control, brightness: bit 0
        processing = struct.pack("<BBBBBHBHBB", 12, self.CS_INTERFACE, self.VC_PROCESSING_UNIT, self.PROCESSING_UNIT,
                                 self.CAMERA, 0, 2, 0x0001, 0, 0)
        output = struct.pack("<BBBBHBBB", 9, self.CS_INTERFACE, self.VC_OUTPUT_TERMINAL, self.OUTPUT, 0x0101, 0,
                             self.PROCESSING_UNIT, 0)
        entities = camera + processing + output
        header = struct.pack("<BBBHHIBB", 13, self.CS_INTERFACE, self.VC_HEADER, 0x0110, 13 + len(entities),
                             self.CLOCK_HZ, 1, 1)
        return bytes([9, 4, 0, 0, 0, self.VIDEO, self.VIDEO_CONTROL, 0, 2]) + header + entities

    def _streaming_interface(self, width, height):
        mjpeg_format = struct.pack("<11B", 11, self.CS_INTERFACE, self.VS_FORMAT_MJPEG, 1, 1, 1, 1, 0, 0, 0, 0)
        frame = struct.pack("<BBBBBHHIIIIBIII", 38, self.CS_INTERFACE, self.VS_FRAME_MJPEG, 1, 0, width, height,
                            width * height * 16, width * height * 2 * 30 * 8, self.max_frame,
                            self.INTERVAL, 0, self.INTERVAL, self.INTERVAL * 6, self.INTERVAL)
        color = bytes([6, self.CS_INTERFACE, self.VS_COLORFORMAT, 1, 1, 4])
        formats = mjpeg_format + frame + color
        header = struct.pack("<BBBBHBBBBBBBB", 14, self.CS_INTERFACE, self.VS_INPUT_HEADER, 1, 14 + len(formats),
                             self.STREAM_ENDPOINT, 0, self.OUTPUT, 0, 0, 0, 1, 0)
        bulk_endpoint = struct.pack("<BBBBHB", 7, 5, self.STREAM_ENDPOINT, 2, 512, 0)
        return (bytes([9, 4, 1, 0, 1, self.VIDEO, self.VIDEO_STREAMING, 0, 0]) + header + formats + bulk_endpoint)


class ControlEndpoint:
    """Answers the requests to endpoint 0: bytes for the host (b"" for a plain yes), None to stall."""

    SET_CUR, GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = 1, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
    READ_AND_WRITE = b"\x03"
    VS_INTERFACE = 1
    PROBE_AND_COMMIT = (1, 2)
    BRIGHTNESS, REQUEST_ERROR_CODE = 2, 2
    AUTO_UPDATE = 8  # in the answer to GET_INFO, UVC 1.1 table 4-3
    DEFAULT, COMMIT = 128, 2

    def __init__(self, descriptors, habits):
        self.descriptors, self.habits = descriptors, habits
        self.brightness = self.DEFAULT
        self.streams = False
        # UVC 1.1 table 4-47, 34 bytes
        self.probe = bytearray(struct.pack("<HBBIHHHHHIIIBBBB", 1, 1, 1, descriptors.INTERVAL, 0, 0, 0, 0, 20,
                                           descriptors.max_frame, descriptors.max_payload, descriptors.CLOCK_HZ,
                                           3, 0, 0, 0))

    def answer(self, setup, data):
        request_type, request, value, index, length = struct.unpack("<BBHHH", setup)
        if request_type & 0x60 == 0:
            return self._standard(request, value)
        interface, entity, selector = index & 0xFF, index >> 8, value >> 8
        if interface == self.VS_INTERFACE and selector in self.PROBE_AND_COMMIT:
            return self._negotiate(request, data, length, selector == self.COMMIT)
        if entity == Descriptors.PROCESSING_UNIT and selector == self.BRIGHTNESS:
            return self._brightness(request, data)
        if entity == 0 and selector == self.REQUEST_ERROR_CODE:
            return b"\x06"  # invalid control
        return None

    def _standard(self, request, value):
        get_status, clear_feature, get_descriptor, get_configuration, get_interface = 0, 1, 6, 8, 10
        if request == clear_feature:  # of the endpoint: so the driver ends a stream of bulk transfers
            self.streams = False
        if request == get_descriptor:
            return self._descriptor(value >> 8, value & 0xFF)
        # Any other is a SET_ or CLEAR_ of something: yes.
        return {get_status: b"\0\0", get_configuration: b"\1", get_interface: b"\0"}.get(request, b"")

    def _descriptor(self, kind, index):
        if kind == 1:
            return self.descriptors.device
        if kind == 2:
            return self.descriptors.configuration
        if kind != 3 or index >= len(self.descriptors.strings):
            return None
        text = self.descriptors.strings[index].encode("utf-16le") if index else b"\x09\x04"  # 0: languages, English
        return bytes([len(text) + 2, 3]) + text

    def _negotiate(self, request, data, length, is_commit):
        if request == self.SET_CUR:
            if is_commit:
                log("a stream starts")
                self.streams = True
                if self.habits.forgets and self.brightness != self.DEFAULT:
                    log("brightness", self.brightness, "forgotten")
                    self.brightness = self.DEFAULT
            wanted = struct.unpack_from("<I", data, 4)[0] or Descriptors.INTERVAL
            interval = max(Descriptors.INTERVAL, min(wanted, Descriptors.INTERVAL * 6))
            struct.pack_into("<I", self.probe, 4, interval)
            return b""
        if request == self.GET_LEN:
            return struct.pack("<H", len(self.probe))
        if request == self.GET_INFO:
            return self.READ_AND_WRITE
        return bytes(self.probe[:length])

    def _brightness(self, request, data):
        if request == self.SET_CUR:
            wanted = struct.unpack_from("<h", data)[0]
            if not (self.streams and self.habits.stubborn):
                self.brightness = wanted - wanted % self.habits.coarse
            log("brightness", wanted, "asked for, it is", self.brightness)
            return b""
        if request == self.GET_LEN:
            return struct.pack("<H", 2)
        if request == self.GET_INFO:
            return bytes([self.READ_AND_WRITE[0] | (self.AUTO_UPDATE if self.habits.auto_update else 0)])
        values = {self.GET_CUR: self.brightness, self.GET_MIN: 0, self.GET_MAX: 255, self.GET_RES: 1, self.GET_DEF: 128}
        return struct.pack("<h", values[request]) if request in values else None


class Cable:
    """The USB/IP connection (kernel: Documentation/usb/usbip_protocol.rst) and the transfers that the host waits for."""

    ATTACH = "/sys/devices/platform/vhci_hcd.0/attach"
    DEVICE_ID, HIGH_SPEED = 0x10002, 3
    CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
    EPIPE, ECONNRESET = -32, -104  # a stall, an unlinked transfer

    def __init__(self, control, port):
        self.control, self.port = control, port
        self.socket = None
        self.waiting = collections.deque()  # bulk transfers: (USB/IP sequence number, bytes asked for)
        self.is_deaf = False
        self.unheard = set()  # sequence numbers of requests to endpoint 0 that got no answer
        self.changed = threading.Condition()

    def plug(self):
        if self.socket:
            return
        ours, kernels = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with open(self.ATTACH, "w") as attach:
            attach.write(f"{self.port} {kernels.fileno()} {self.DEVICE_ID + self.port} {self.HIGH_SPEED}")
        kernels.close()
        self.waiting.clear()
        self.control.streams = False
        self.socket = ours
        threading.Thread(target=self._serve, args=(ours,), daemon=True).start()
        log("plugged")

    def unplug(self):
        with self.changed:
            ours, self.socket = self.socket, None
            self.waiting.clear()
            self.changed.notify_all()
        if ours:
            ours.shutdown(socket.SHUT_RDWR)
            ours.close()
            log("unplugged")

    def give_back(self, sequence, status, data=b"", length=None):
        """Ends a transfer; the caller holds `changed`."""
        length = len(data) if length is None else length
        self.socket.sendall(struct.pack(">5IiI3I8x", self.RET_SUBMIT, sequence, 0, 0, 0, status, length, 0, 0, 0) + data)

    def next_transfer(self):
        """The oldest transfer that the host waits for, or None if there is none for a second; the caller holds `changed`."""
        self.changed.wait_for(lambda: self.waiting, timeout=1)
        return self.waiting.popleft() if self.waiting else None

    def _serve(self, ours):
        stream = ours.makefile("rb")
        try:
            while len(header := stream.read(48)) == 48:
                command = struct.unpack_from(">I", header)[0]
                if command == self.CMD_SUBMIT:
                    self._submit(header, stream)
                elif command == self.CMD_UNLINK:
                    self._unlink(header)
        except (OSError, AttributeError):  # unplugged meanwhile: the socket is closed, or None
            pass
        with self.changed:
            if self.socket is ours:
                self.socket = None
                log("the host let go")
            self.waiting.clear()
            self.changed.notify_all()

    def _submit(self, header, stream):
        _, sequence, _, to_host, endpoint, _, length = struct.unpack_from(">7I", header)
        data = stream.read(length) if not to_host else b""
        with self.changed:
            if endpoint != 0:
                self.waiting.append((sequence, length))
                self.changed.notify_all()
                return
            if self.is_deaf:
                log("a request is not heard")
                self.unheard.add(sequence)
                return
            answer = self.control.answer(header[40:48], data)
            if answer is None:
                self.give_back(sequence, self.EPIPE)
            elif to_host:
                self.give_back(sequence, 0, answer[:length])
            else:
                self.give_back(sequence, 0, length=len(data))

    def _unlink(self, header):
        _, sequence, _, _, _, target = struct.unpack_from(">6I", header)
        with self.changed:
            found = next((transfer for transfer in self.waiting if transfer[0] == target), None)
            if found:
                self.waiting.remove(found)
            status = self.ECONNRESET if found or target in self.unheard else 0
            self.unheard.discard(target)
            self.socket.sendall(struct.pack(">5Ii24x", self.RET_UNLINK, sequence, 0, 0, 0, status))


@dataclasses.dataclass
class Faults:
    fps: float
    hang: bool = False
    stall: bool = False
    truncate: int = 0
    error: int = 0
    drop: int = 0


def every(interval, number):
    return interval and number % interval == 0


class Sensor:
    """Sends the clip's frames at the set rate into the transfers that the host waits for."""

    # Payload header, UVC 1.1 table 2-6
    END_OF_HEADER, ERROR, END_OF_FRAME = 0x80, 0x40, 0x02

    def __init__(self, cable, frames, faults):
        self.cable, self.frames, self.faults = cable, frames, faults
        self.frame_id = 0  # toggles with each frame

    def run(self):
        number = late = 0
        due = time.monotonic()
        while True:
            self._wait_for_host()
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            elif wait < -0.5:  # a new stream, or too far behind to catch up: start counting again
                due = time.monotonic()
            else:
                late += 1
            due += 1 / self.faults.fps
            if not every(self.faults.drop, number):
                self._send(number)
            number += 1
            if number % 150 == 0:
                log(f"{number} frames, {late} of them late")

    def _wait_for_host(self):
        with self.cable.changed:
            while self.faults.hang or not self.cable.waiting:
                self.cable.changed.wait(0.1)

    def _send(self, number):
        frame = self.frames[number % len(self.frames)]
        if every(self.faults.truncate, number):
            frame = frame[:len(frame) // 2]
        flags = self.END_OF_HEADER | self.END_OF_FRAME | self.frame_id
        if every(self.faults.error, number):
            flags |= self.ERROR
        self.frame_id ^= 1
        payload = memoryview(bytes([2, flags]) + frame)
        sent = 0
        while True:
            with self.cable.changed:
                transfer = self.cable.next_transfer()
                if not transfer:
                    return
                sequence, length = transfer
                try:
                    if self.faults.stall:
                        self.faults.stall = False
                        self.cable.give_back(sequence, Cable.EPIPE)
                        return
                    part = payload[sent:sent + length]
                    self.cable.give_back(sequence, 0, bytes(part))
                except (OSError, AttributeError):  # unplugged meanwhile: the socket is closed, or None
                    return
            sent += len(part)
            if len(part) < length:  # a short transfer ends the payload
                return


def obey(line, cable, faults):
    """Returns False when it is time to end."""
    command, *arguments = line.split()
    if command == "plug":
        cable.port = int(arguments[0]) if arguments else cable.port
        cable.plug()
    elif command in ("unplug", "quit"):
        cable.unplug()
    elif command in ("hang", "go"):
        faults.hang = command == "hang"
        if arguments:
            threading.Timer(float(arguments[0]), obey, ("go", cable, faults)).start()
    elif command in ("deaf", "hear"):
        cable.is_deaf = command == "deaf"
    elif command == "stall":
        faults.stall = True
    elif command == "fps":
        faults.fps = float(arguments[0])
    elif command in ("truncate", "error", "drop"):
        setattr(faults, command, int(arguments[0]))
    else:
        log("no such command:", line)
    return command != "quit"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--serial", default="VM0001")
    parser.add_argument("--port", type=int, default=0, help="of the virtual hub, 0 to 7")
    parser.add_argument("--frames", help="FIRST:END, those of the clip that it plays; all")
    parser.add_argument("--forgets", action="store_true")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--auto-update", action="store_true")
    parser.add_argument("--coarse", type=int, default=1)
    parser.add_argument("--ctl", default="/run/uvccam.ctl", help="the FIFO for commands")
    options = parser.parse_args()

    width, height = map(int, options.size.split("x"))
    first, end = map(int, options.frames.split(":")) if options.frames else (0, None)
    cable = Cable(ControlEndpoint(Descriptors(width, height, options.serial), options), options.port)
    faults = Faults(fps=options.fps)
    sensor = Sensor(cable, mjpeg.read(options.clip)[first:end], faults)
    if not os.path.exists(options.ctl):
        os.mkfifo(options.ctl)
    cable.plug()
    threading.Thread(target=sensor.run, daemon=True).start()
    while True:
        with open(options.ctl) as commands:
            for line in filter(str.strip, commands):
                log("asked to", line.strip())
                if not obey(line, cable, faults):
                    sys.exit()


if __name__ == "__main__":
    main()
