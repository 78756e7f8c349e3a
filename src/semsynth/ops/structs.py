"""The structs that the native library takes, as the headers in `_native` define them.

When the library is loaded, their sizes are compared with its own.
"""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p


class Modulation(ctypes.Structure):
    """The arguments of the modulation kernels; see `_native/kernels.h`, which this mirrors."""

    _fields_ = [
        *((name, c_void_p) for name in ("x", "index", "table", "style", "mean", "rstd", "y")),
        *((name, c_int64) for name in ("batch", "height", "width", "channels", "rows")),
        *((name, c_int32) for name in ("per_sample", "upsample", "half")),
        ("slope", c_float),
        *((name, c_void_p) for name in ("start", "order", "grad_normalized", "grad_table", "partial")),
        *((name, c_void_p) for name in ("chunk_sums", "sums", "means", "grad_x")),
        *((name, c_int64) for name in ("chunks", "keys")),
    ]


class Lookup(ctypes.Structure):
    """The arguments of the look-up kernels; see `_native/kernels.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("table", "bias", "patches", "out", "grad_table")),
        *((name, c_int64) for name in ("count", "taps", "symbols", "width")),
        *((name, c_int32) for name in ("relu", "half", "half_table")),
    ]


class Groups(ctypes.Structure):
    """The arguments of the sums over groups; see `_native/kernels.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("values", "start", "order", "mask", "out")),
        *((name, c_int64) for name in ("count", "width")),
        ("half", c_int32),
    ]


class Affine(ctypes.Structure):
    """An affine map by the rows of a table; see `_native/amx.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("table", "index", "style", "style_of")),
        ("rows", c_int64),
        ("slope", c_float),
    ]


class Product(ctypes.Structure):
    """The arguments of a convolution, made by `AmxProduct`; see `_native/amx.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("x", "windows", "steps", "weight", "bias", "rows", "out", "image")),
        *((name, c_void_p) for name in ("add", "source")),
        ("affine", Affine),
        *((name, c_int64) for name in ("taps", "num_steps", "out_blocks", "num_rows", "strip", "out_period")),
        *((name, c_int64) for name in ("out_plane", "out_stride", "add_positions", "height", "width")),
    ]


class AmxModulation(ctypes.Structure):
    """The arguments of a modulation of planes, made by `modulation`; see `_native/amx.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("x", "source", "rows")),
        ("y", c_void_p * 2),
        ("affine", Affine * 2),
        *((name, c_int64) for name in ("blocks", "num_rows", "x_positions", "positions", "height", "width")),
    ]


class Chain(ctypes.Structure):
    """A modulation and the convolutions after it; see `_native/amx.h`."""

    _fields_ = [
        ("modulation", POINTER(AmxModulation)),
        ("products", POINTER(Product) * 3),
        ("count", c_int64),
        ("strip", c_int64),
        ("whole", c_int32),
    ]


class Source(ctypes.Structure):
    """A map that a convolution modulates as it reads it; see `_native/convolve.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("x", "norm", "index", "table", "style", "style_of", "weight")),
        *((name, c_int64) for name in ("channels", "depth", "blocks")),
        ("doubled", c_int32),
        ("slope", c_float),
    ]


class Convolution(ctypes.Structure):
    """The arguments of a convolution by Winograd's method; see `_native/convolve.h`."""

    _fields_ = [
        ("source", Source),
        ("shortcut", Source),
        *((name, c_void_p) for name in ("bias", "residual", "noise", "out", "boxes")),
        *((name, c_int64) for name in ("num_boxes", "height", "width", "out_channels", "groups", "group")),
        *((name, c_int32) for name in ("tile", "offset", "strip", "residual_doubled")),
        ("slope", c_float),
    ]


class WindowProduct(ctypes.Structure):
    """The arguments of a product of windows of rows; see `_native/convolve.h`."""

    _fields_ = [
        *((name, c_void_p) for name in ("rows", "windows", "weight", "bias", "out")),
        *((name, c_int64) for name in ("count", "taps", "depth", "outputs", "groups", "group")),
        ("num_rows", c_int64),
    ]


_BATCH = ("images", "height", "width", "inputs", "outputs", "kernel", "padding")


class BatchConvolution(ctypes.Structure):
    """The arguments of a convolution of a batch by new weights; see `_native/training.h`."""

    _fields_ = [
        *((name, c_int64) for name in _BATCH),
        *((name, c_void_p) for name in ("x", "weight", "bias", "transformed", "points", "out")),
        *((name, c_int64) for name in ("out_stride", "in_stride", "tap_stride", "group", "depth")),
    ]


class WeightGradient(ctypes.Structure):
    """The arguments of the gradient of a convolution's weights; see `_native/training.h`."""

    _fields_ = [
        *((name, c_int64) for name in _BATCH),
        *((name, c_void_p) for name in ("x", "grad", "x_points", "grad_points", "sums", "out")),
        *((name, c_int64) for name in ("out_stride", "in_stride", "tap_stride", "chunk")),
    ]


MIRRORED = (
    *(Modulation, Lookup, Groups, Affine, Product, AmxModulation, Chain),
    *(Source, Convolution, WindowProduct, BatchConvolution, WeightGradient),
)
"""In the order of `semsynth_sizes` in `_native/library.cpp`."""
