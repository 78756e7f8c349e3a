"""A pytest plugin (`-p tests.ported`) that computes on a native library for another processor.

SEMSYNTH_LIBRARY names the library, SEMSYNTH_HOST the command that runs it, such as `qemu-aarch64 host`: see
tests/native. Every call of a kernel goes to that program, with the memory its arguments point to; what the
program leaves in that memory comes back. So the tests of the kernels and of the engine run as they are.
"""

import ctypes
import os
import shlex
import struct
import subprocess
import types
from functools import cache
from typing import Any

import torch

from semsynth.ops import convolution, convolve, native, processor, structs

_regions: dict[int, tuple[int, int]] = {}
"""Address that a kernel may be given → beginning and bytes of the memory it lies in."""


def _data_ptr(tensor: torch.Tensor, ask: Any = torch.Tensor.data_ptr) -> int:
    storage, address = tensor.untyped_storage(), ask(tensor)
    _regions[address] = (storage.data_ptr(), storage.nbytes())
    return address


def _addressof(value: Any) -> int:
    address = ctypes.addressof(value)
    _regions[address] = (address, ctypes.sizeof(value))
    return address


class Port:
    """Takes the place of `ctypes.CDLL`."""

    def __init__(self, path: str) -> None:
        command = [*shlex.split(os.environ["SEMSYNTH_HOST"]), path]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pointer, name = struct.unpack("<q56s", self._read(64))
        self.pointer = ctypes.c_uint64 if pointer == 8 else ctypes.c_uint32
        self.name = name.rstrip(b"\0")

    def __getattr__(self, name: str) -> "Function":
        self.__dict__[name] = Function(self, name)
        return self.__dict__[name]

    def semsynth_sizes(self, sizes: Any) -> None:
        """The sizes here, once those of the library are found to be what its pointers make them."""
        there = (ctypes.c_int64 * len(sizes))()
        Function(self, "semsynth_sizes")(there)
        assert list(there) == [ctypes.sizeof(mirrored(kind, self.pointer)) for kind in structs.MIRRORED]
        sizes[:] = [ctypes.sizeof(kind) for kind in structs.MIRRORED]

    def call(self, name: str, call: "Call") -> int:
        header = struct.pack(
            "<4q", len(name), len(call.buffers), len(call.relocations) // 4, len(call.arguments) // 3
        )
        sizes = [len(buffer) for buffer in call.buffers]
        numbers = [*sizes, *call.relocations, *call.arguments]
        assert self._process.stdin is not None
        for part in (header, name.encode(), struct.pack(f"<{len(numbers)}q", *numbers), *call.buffers):
            self._process.stdin.write(part)
        self._process.stdin.flush()
        result = struct.unpack("<q", self._read(8))[0]
        for base, before in zip(call.bases, call.buffers, strict=True):
            after = self._read(len(before))
            if base and after != before:
                ctypes.memmove(base, after, len(after))
        return int(result)

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) != count:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return data


class Function:
    """A function of the library, as ctypes has them."""

    def __init__(self, port: Port, name: str) -> None:
        self._port, self._name = port, name
        self.argtypes: list[Any] | None = None
        self.restype: Any = ctypes.c_int

    def __call__(self, *arguments: Any) -> int | bytes:
        if self.restype is ctypes.c_char_p:  # of semsynth_kernels, which the program told when it began
            return self._port.name
        call = Call(self._port.pointer)
        for argument, kind in zip(arguments, self.argtypes or [ctypes.c_int] * len(arguments), strict=True):
            call.add(argument, kind)
        return self._port.call(self._name, call)


class Call:
    """The arguments of a call, and all memory that it may read and write."""

    def __init__(self, pointer: type) -> None:
        self._pointer, self._places = pointer, {}
        self.bases: list[int] = []  # 0 for structs, which stay there
        self.buffers: list[bytes | bytearray] = []
        self.relocations: list[int] = []
        self.arguments: list[int] = []

    def add(self, argument: Any, kind: Any) -> None:
        if isinstance(argument, ctypes.Structure):
            number = self._buffer(0, bytes(0))
            there = mirrored(type(argument), self._pointer)()
            self._fill(number, there, argument, 0)
            self.buffers[number] = bytearray(there)
            self.arguments += [0, number, 0]
        elif isinstance(argument, ctypes.Array):
            self.arguments += [0, *self._place(_addressof(argument))]
        elif kind is ctypes.c_void_p and argument:
            self.arguments += [0, *self._place(argument)]
        else:
            bits = 8 * ctypes.sizeof(self._pointer if kind is ctypes.c_void_p else kind)
            self.arguments += [bits, argument or 0, 0]

    def _fill(self, number: int, there: Any, here: ctypes.Structure, offset: int) -> None:
        for name, kind in here._fields_:
            value, at = getattr(here, name), offset + getattr(type(there), name).offset
            if isinstance(value, ctypes.Structure):
                self._fill(number, getattr(there, name), value, at)
            elif kind is not ctypes.c_void_p:
                setattr(there, name, value)
            elif value:
                self.relocations += [number, at, *self._place(value)]

    def _place(self, address: int) -> tuple[int, int]:
        base, size = _regions[address]
        if base not in self._places:
            self._places[base] = self._buffer(base, ctypes.string_at(base, size))
        return self._places[base], address - base

    def _buffer(self, base: int, data: bytes) -> int:
        self.bases.append(base)
        self.buffers.append(data)
        return len(self.buffers) - 1


@cache
def mirrored(kind: Any, pointer: type) -> Any:
    """A type as it lies in a memory with such pointers."""
    if kind is ctypes.c_void_p or issubclass(kind, ctypes._Pointer):
        return pointer
    if issubclass(kind, ctypes.Array):
        return mirrored(kind._type_, pointer) * kind._length_
    if issubclass(kind, ctypes.Structure):
        fields = [(name, mirrored(field, pointer)) for name, field in kind._fields_]
        return type(kind.__name__, (ctypes.Structure,), {"_fields_": fields})
    return kind


torch.Tensor.data_ptr = _data_ptr  # type: ignore[method-assign, assignment]
convolve.addressof = _addressof  # type: ignore[assignment]
native.ctypes = types.SimpleNamespace(**{**vars(ctypes), "CDLL": cache(Port)})  # type: ignore[assignment]
native._fork = lambda: None
_name = native.ctypes.CDLL(os.environ["SEMSYNTH_LIBRARY"]).name.decode()
processor.LEVELS = (_name,)  # type: ignore[assignment]
processor.best = lambda: _name
if _name == "wasm":  # which has no kernels of training
    convolution.Conv2d._fits_winograd = lambda *_: False  # type: ignore[method-assign, assignment]
