// A libcuda that computes nothing and writes down what it is asked, for machines without one.
//
// FAKE_CUDA says what it is like: `none` sees no GPU, `old` is a driver of CUDA 11.8, `ada` has a
// GPU of compute capability 8.9, `jit` refuses every kernel, anything else works. Built with LACKS
// it has no cuGraphLaunch. FAKE_CUDA_LOG names the file that gets a line for each call.
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char *image, name[128]; size_t size; } Function;

static int is(const char *mode) {
    const char *set = getenv("FAKE_CUDA");
    return set && !strcmp(set, mode);
}

static void say(const char *format, ...) {
    const char *name = getenv("FAKE_CUDA_LOG");
    FILE *log = name ? fopen(name, "a") : NULL;
    va_list list;
    if (!log) return;
    va_start(list, format);
    vfprintf(log, format, list);
    va_end(list);
    fputc('\n', log);
    fclose(log);
}

int cuInit(unsigned flags) { return is("none") ? 100 : (int)flags; }
int cuDriverGetVersion(int *version) { *version = is("old") ? 11080 : 13000; return 0; }
int cuGetErrorName(int code, const char **name) {
    *name = code == 218 ? "CUDA_ERROR_INVALID_PTX" : "CUDA_ERROR_FAKE";
    return 0;
}

int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 40 + ordinal; return 0; }
int cuDeviceGetName(char *name, int n, int device) {
    snprintf(name, (size_t)n, "Fake %d", device);
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 16: *value = 132; return 0;            // processors
    case 38: *value = 1 << 20; return 0;        // L2
    case 75: *value = is("ada") ? 8 : 9; return 0;
    case 76: *value = is("ada") ? 9 : 0; return 0;
    }
    say("attribute %d of %d", attribute, device);
    return 1;
}

// One context; what is current is a stack on each thread.
static __thread void *stack[16];
static __thread int depth;
int cuDevicePrimaryCtxRetain(void **context, int device) {
    say("retain %d", device);
    *context = (void *)0xc0;
    return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) { say("release %d", device); return 0; }
int cuCtxPushCurrent_v2(void *context) { stack[depth++] = context; return 0; }
int cuCtxPopCurrent_v2(void **context) {
    *context = depth ? stack[--depth] : NULL;
    return *context ? 0 : 201;
}
int cuCtxGetCurrent(void **context) { *context = depth ? stack[depth - 1] : NULL; return 0; }
int cuCtxGetDevice(int *device) { *device = 40; return depth ? 0 : 201; }
static int inside(void) { return depth ? 0 : 201; } // CUDA_ERROR_INVALID_CONTEXT

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
    if (!bytes) return 1;
    *address = (unsigned long long)aligned_alloc(256, (bytes + 255) / 256 * 256);
    say("alloc %zu", bytes);
    return inside();
}
int cuMemFree_v2(unsigned long long address) {
    free((void *)address);
    say("free");
    return inside();
}
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes, void *stream) {
    say("to device %zu on %p", bytes, stream);
    memcpy((void *)to, from, bytes);
    return inside();
}
int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes, void *stream) {
    say("from device %zu on %p", bytes, stream);
    memcpy(to, (void *)from, bytes);
    return inside();
}
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void *stream) {
    say("copy %zu on %p", bytes, stream);
    memcpy((void *)to, (void *)from, bytes);
    return inside();
}
int cuMemsetD8Async(unsigned long long to, unsigned char byte, size_t bytes, void *stream) {
    say("fill %zu with %d on %p", bytes, byte, stream);
    memset((void *)to, byte, bytes);
    return inside();
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned n, int *options, void **values) {
    // Machine code is refused, so that the text is tried.
    if (strncmp(image, ".version", 8)) return 209;
    say("load");
    if (is("jit")) {
        for (unsigned i = 0; i < n; i++) // CU_JIT_ERROR_LOG_BUFFER
            if (options[i] == 5) strcpy(values[i], "ptxas fake.ptx, line 7; error : no such thing");
        return 218;
    }
    *module = strdup(image);
    return inside();
}
int cuModuleUnload(void *module) { say("unload"); free(module); return inside(); }
int cuModuleGetFunction(void **function, void *module, const char *name) {
    char head[160];
    snprintf(head, sizeof head, ".entry %s(", name);
    const char *found = strstr(module, head);
    const char *size = found ? strchr(found, '[') : NULL;
    if (!size) return 500; // CUDA_ERROR_NOT_FOUND
    Function *made = calloc(1, sizeof *made);
    snprintf(made->name, sizeof made->name, "%s", name);
    made->size = strtoul(size + 1, NULL, 10);
    *function = made;
    return inside();
}
int cuFuncGetParamInfo(Function *f, size_t i, size_t *offset, size_t *size) {
    *offset = 0;
    *size = f->size;
    return i ? 1 : 0;
}
int cuFuncSetAttribute(Function *f, int attribute, int value) {
    say("attribute %d of %s is %d", attribute, f->name, value);
    return inside();
}
int cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream, void **params, void **extra) {
    char bytes[8200], *to = bytes;
    for (size_t i = 0; i < f->size; i++) to += sprintf(to, "%02x", ((unsigned char *)params[0])[i]);
    *to = 0;
    say("launch %s %u,%u,%u x %u,%u,%u shared %u on %p: %s", f->name, gx, gy, gz, bx, by, bz, shared,
        stream, bytes);
    return extra || (size_t)params[0] % 128 ? 1 : inside();
}

int cuTensorMapEncodeTiled(unsigned long long *map, int type, unsigned rank, void *address,
                           const unsigned long long *dims, const unsigned long long *strides,
                           const unsigned *box, const unsigned *every, int interleave, int swizzle,
                           int promotion, int fill) {
    say("encode %d of %u at %p: %llu x %llu by %llu, box %u x %u, every %u, %u, ways %d %d %d %d", type,
        rank, address, dims[0], dims[1], strides[0], box[0], box[1], every[0], every[1], interleave,
        swizzle, promotion, fill);
    for (int i = 0; i < 16; i++) map[i] = dims[0] + i;
    return (size_t)map % 64 ? 1 : inside();
}

int cuStreamCreate(void **stream, unsigned flags) {
    say("stream of flags %u", flags);
    *stream = (void *)0x5000;
    return inside();
}
int cuStreamDestroy_v2(void *stream) { say("destroy stream %p", stream); return inside(); }
int cuStreamSynchronize(void *stream) { say("synchronize %p", stream); return inside(); }
int cuStreamBeginCapture_v2(void *stream, int mode) {
    say("begin capture %p in mode %d", stream, mode);
    return inside();
}
int cuStreamEndCapture(void *stream, void **graph) {
    say("end capture %p", stream);
    *graph = (void *)0x6000;
    return inside();
}
int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags) {
    say("instantiate %p", graph);
    *exec = (void *)0x7000;
    return flags ? 1 : inside();
}
#ifndef LACKS
int cuGraphLaunch(void *exec, void *stream) { say("graph %p on %p", exec, stream); return inside(); }
#endif
int cuGraphExecDestroy(void *exec) { say("destroy exec %p", exec); return inside(); }
int cuGraphDestroy(void *graph) { say("destroy graph %p", graph); return inside(); }

int cuEventCreate(void **event, unsigned flags) { *event = malloc(1); return flags ? 1 : inside(); }
int cuEventRecord(void *event, void *stream) { say("record on %p", stream); (void)event; return inside(); }
int cuEventSynchronize(void *event) { (void)event; return inside(); }
int cuEventElapsedTime_v2(float *ms, void *from, void *to) {
    *ms = 1.5f;
    return from == to ? 1 : inside();
}
int cuEventDestroy_v2(void *event) { free(event); say("destroy event"); return inside(); }
