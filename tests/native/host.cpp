// Runs the functions of a library for a program on another processor: calls come by standard input, results go
// by standard output. See tests/ported.py, which calls, and host.mjs, which does the same for a WebAssembly module.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// A call: its header, the function's name, sizes of the buffers, relocations, arguments, the buffers. All integers
// have 64 bits. The answer: the result, and the buffers as the function left them.
struct Call {
    int64_t name, buffers, relocations, arguments;
};
struct Relocation {  // at `offset` of a buffer stands the address of a place in another one
    int64_t buffer, offset, target, delta;
};
struct Argument {  // a value of so many bits; or 0: the address of a place in a buffer
    int64_t bits, value, delta;
};

void write(const void* from, size_t bytes) {
    if (std::fwrite(from, 1, bytes, stdout) != bytes) std::exit(1);
}

template <class T>
std::vector<T> read(int64_t count) {
    std::vector<T> values(count);
    if (std::fread(values.data(), sizeof(T), count, stdin) != size_t(count)) std::exit(0);
    return values;
}

}  // namespace

int main(int, char** argv) {
    void* library = dlopen(argv[1], RTLD_NOW);
    if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 1;
    const auto kernels = reinterpret_cast<const char* (*)()>(dlsym(library, "semsynth_kernels"));
    char greeting[64] = {sizeof(void*)};
    std::strncpy(greeting + 8, kernels(), sizeof greeting - 9);
    write(greeting, sizeof greeting);
    while (true) {
        std::fflush(stdout);
        const Call call = read<Call>(1)[0];
        std::vector<char> name = read<char>(call.name);
        name.push_back(0);
        const auto sizes = read<int64_t>(call.buffers);
        const auto relocations = read<Relocation>(call.relocations);
        const auto arguments = read<Argument>(call.arguments);
        std::vector<std::vector<char>> buffers;
        for (int64_t size : sizes) buffers.push_back(read<char>(size));
        for (const Relocation& r : relocations) {
            const char* address = buffers[r.target].data() + r.delta;
            std::memcpy(buffers[r.buffer].data() + r.offset, &address, sizeof address);
        }
        int64_t a[8] = {};  // integers and addresses are passed alike, in registers
        for (size_t i = 0; i < arguments.size(); i++) {
            const Argument& from = arguments[i];
            a[i] = from.bits ? from.value : reinterpret_cast<int64_t>(buffers[from.value].data() + from.delta);
        }
        using Function = int64_t (*)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
        const auto function = reinterpret_cast<Function>(dlsym(library, name.data()));
        if (!function) return std::fprintf(stderr, "no function %s\n", name.data()), 1;
        const int64_t result = function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
        write(&result, sizeof result);
        for (const auto& buffer : buffers) write(buffer.data(), buffer.size());
    }
}
