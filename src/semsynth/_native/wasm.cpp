// What the C++ library asks for, without a system below it: so that a WebAssembly module imports nothing.
#include <cstdlib>
#include <new>

// Memory that cannot be had ends the call with a trap, which JavaScript sees as a RuntimeError.
void* operator new(std::size_t bytes) {
    void* memory = std::malloc(bytes);
    return memory ? memory : (__builtin_trap(), nullptr);
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD

extern "C" int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }  // no thread ends before the module
