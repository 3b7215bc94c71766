/*
 * Stands between a program and the files below one folder (LD_PRELOAD), counts what changes them, and fails as sticks do.
 *
 *   HCVX_STICK_ROOT   only files below this folder count;
 *   HCVX_STICK_LOG    a file that gets a line for each event;
 *   HCVX_STICK_AT     the number of the event, from 1, at which it happens; read anew at each event, unset for never;
 *   HCVX_STICK_DO     kill      the process is killed before the event;
 *                     gone      from this event on every call about the stick gives EIO, reading too;
 *                     full      from this event on nothing more can be written: ENOSPC; half of a block goes first;
 *                     readonly  from this event on nothing can be made, renamed or removed: EROFS;
 *                     flip      the first block that is written from this event on has another first byte;
 *                     hang      whoever asks how much room there is waits for ever, without any event before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int count = 0;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int is_below(const char *path) {
    const char *root = getenv("HCVX_STICK_ROOT");
    return root && strncmp(path, root, strlen(root)) == 0;
}

/* Whether a descriptor, or a name relative to one, lies below the root. */
static int concerns(int folder, const char *name) {
    char link[64], path[PATH_MAX];
    if (name && name[0] == '/') return is_below(name);
    if (folder < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

static void note(const char *what, const char *name) {
    const char *log = getenv("HCVX_STICK_LOG");
    if (!log) return;
    int (*open_file)(const char *, int, ...) = real("open");
    ssize_t (*write_file)(int, const void *, size_t) = real("write");
    int file = open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    char line[512];
    int size = snprintf(line, sizeof line, "%s %s\n", what, name ? name : "");
    if (file >= 0) { write_file(file, line, size); close(file); }
}

/* Counts an event; says what is to happen at it: 0 for nothing. */
static const char *event(const char *what, const char *name) {
    static int process = 0;
    note(what, name);
    /* A child counts for itself. */
    if (process != getpid()) { process = getpid(); count = 0; }
    count++;
    const char *at = getenv("HCVX_STICK_AT"), *act = getenv("HCVX_STICK_DO");
    if (!at || !act || count < atoi(at)) return NULL;
    if (count == atoi(at) && strcmp(act, "kill") == 0) kill(getpid(), SIGKILL);
    return act;
}

static int has_begun(void) {
    const char *at = getenv("HCVX_STICK_AT");
    return at && count >= atoi(at);
}

static int is(const char *act, const char *wanted) { return act && strcmp(act, wanted) == 0; }

static int opened(int folder, const char *name, int flags, int mode) {
    int (*call)(int, const char *, int, ...) = real("openat");
    if (concerns(folder, name)) {
        if (flags & O_CREAT) {
            const char *act = event("create", name);
            if (is(act, "gone")) { errno = EIO; return -1; }
            if (is(act, "full")) { errno = ENOSPC; return -1; }
            if (is(act, "readonly")) { errno = EROFS; return -1; }
        } else if (is(getenv("HCVX_STICK_DO"), "gone") && has_begun()) { errno = EIO; return -1; }
        else if (!(flags & O_DIRECTORY)) note("open", name);
    }
    return call(folder, name, flags, mode);
}

#define MODE(flags) int mode = 0; if ((flags) & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }

int openat(int folder, const char *name, int flags, ...) { MODE(flags) return opened(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags) return opened(folder, name, flags, mode); }

ssize_t write(int file, const void *data, size_t size) {
    ssize_t (*call)(int, const void *, size_t) = real("write");
    if (!concerns(file, NULL)) return call(file, data, size);
    const char *act = event("write", NULL);
    if (is(act, "gone")) { errno = EIO; return -1; }
    if (is(act, "full")) {
        static int half = 0;
        if (!half++ && size > 1) return call(file, data, size / 2);
        errno = ENOSPC;
        return -1;
    }
    static int flipped = 0;
    if (is(act, "flip") && size > 0 && !flipped++) {
        char *other = malloc(size);
        memcpy(other, data, size);
        other[0] ^= 1;
        ssize_t done = call(file, other, size);
        free(other);
        return done;
    }
    return call(file, data, size);
}

int fsync(int file) {
    int (*call)(int) = real("fsync");
    if (!concerns(file, NULL)) return call(file);
    const char *act = event("fsync", NULL);
    if (is(act, "gone")) { errno = EIO; return -1; }
    return call(file);
}

int renameat(int from, const char *old, int to, const char *name) {
    int (*call)(int, const char *, int, const char *) = real("renameat");
    if (!concerns(to, name)) return call(from, old, to, name);
    const char *act = event("rename", name);
    if (is(act, "gone")) { errno = EIO; return -1; }
    if (is(act, "readonly")) { errno = EROFS; return -1; }
    return call(from, old, to, name);
}

int unlinkat(int folder, const char *name, int flags) {
    int (*call)(int, const char *, int) = real("unlinkat");
    if (!concerns(folder, name)) return call(folder, name, flags);
    const char *act = event("unlink", name);
    if (is(act, "gone")) { errno = EIO; return -1; }
    if (is(act, "readonly")) { errno = EROFS; return -1; }
    return call(folder, name, flags);
}

#define HANG(path) if (is_below(path) && is(getenv("HCVX_STICK_DO"), "hang")) for (;;) pause()

int statvfs(const char *path, struct statvfs *found) {
    int (*call)(const char *, struct statvfs *) = real("statvfs");
    HANG(path);
    return call(path, found);
}

int statvfs64(const char *path, struct statvfs64 *found) {
    int (*call)(const char *, struct statvfs64 *) = real("statvfs64");
    HANG(path);
    return call(path, found);
}

int mkdirat(int folder, const char *name, mode_t mode) {
    int (*call)(int, const char *, mode_t) = real("mkdirat");
    if (!concerns(folder, name)) return call(folder, name, mode);
    const char *act = event("mkdir", name);
    if (is(act, "gone")) { errno = EIO; return -1; }
    if (is(act, "full")) { errno = ENOSPC; return -1; }
    if (is(act, "readonly")) { errno = EROFS; return -1; }
    return call(folder, name, mode);
}
