/* Preloaded into a recording process: delays, fails, shortens or kills at chosen file calls on recordings.
 * SHIM="call:nth:what" with what = delay=MS | errno=N | short | kill; nth 0 = every one. Several are joined by commas.
 * SHIM_CLOCK=N makes the wall clock jump by years at each look, beginning with the Nth of five jumps.
 * SHIM_LOG=path gets one line per call on entry. Only files with ".recording" in their name and directories count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"pwritev64", "fdatasync", "fsync", "renameat2", "openat64", "linkat",
                                    "unlinkat", "flock", "fstat64", "close", "fstatat64"};
static int counts[11];

static int ours(int fd) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n < 0) return 0;
    target[n] = 0;
    const char *dir = getenv("SHIM_DIR");
    return strstr(target, ".recording") != NULL || (dir && strcmp(target, dir) == 0);
}

/* 0: go on; 1: short; -1: fail with errno set. */
static int meddle(const char *name) {
    int which = 0, result = 0;
    while (strcmp(names[which], name)) which++;
    int n = __sync_add_and_fetch(&counts[which], 1);
    const char *log = getenv("SHIM_LOG");
    if (log) {
        int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        int (*real_close)(int) = dlsym(RTLD_NEXT, "close");
        int fd = real_open(log, O_WRONLY | O_APPEND | O_CREAT, 0666);
        dprintf(fd, "%s\n", name);
        real_close(fd);
    }
    const char *plan = getenv("SHIM");
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", plan ? plan : "");
    char *save = NULL;
    for (char *rule = strtok_r(copy, ",", &save); rule; rule = strtok_r(NULL, ",", &save)) {
        char call[64], what[64];
        int nth;
        if (sscanf(rule, "%63[^:]:%d:%63s", call, &nth, what) != 3) continue;
        if (strcmp(call, name) || (nth != 0 && nth != n)) continue;
        if (!strncmp(what, "delay=", 6)) usleep(atoi(what + 6) * 1000);
        else if (!strncmp(what, "errno=", 6)) { errno = atoi(what + 6); result = -1; }
        else if (!strcmp(what, "eintr3") && n % 3 == 0) { errno = EINTR; result = -1; }
        else if (!strcmp(what, "short") && result == 0) result = 1;
        else if (!strcmp(what, "kill")) kill(getpid(), SIGKILL);
    }
    return result;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t offset) {
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    if (ours(fd)) {
        int m = meddle("pwritev64");
        if (m < 0) return -1;
        if (m > 0) {
            struct iovec one = iov[0];
            for (int i = 0; i < n && one.iov_len == 0; i++) one = iov[i];
            one.iov_len = one.iov_len > 7777 ? 7777 : (one.iov_len + 1) / 2;
            return real(fd, &one, 1, offset);
        }
    }
    return real(fd, iov, n, offset);
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return ours(fd) && meddle("fdatasync") < 0 ? -1 : real(fd);
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    return ours(fd) && meddle("fsync") < 0 ? -1 : real(fd);
}
int flock(int fd, int op) {
    REAL(int, "flock", int, int);
    return ours(fd) && meddle("flock") < 0 ? -1 : real(fd, op);
}
int fstat64(int fd, struct stat64 *st) {
    REAL(int, "fstat64", int, struct stat64 *);
    return ours(fd) && meddle("fstat64") < 0 ? -1 : real(fd, st);
}
int fstatat64(int fd, const char *path, struct stat64 *st, int flags) {
    REAL(int, "fstatat64", int, const char *, struct stat64 *, int);
    return fd >= 0 && ours(fd) && meddle("fstatat64") < 0 ? -1 : real(fd, path, st, flags);
}
int close(int fd) {
    REAL(int, "close", int);
    int m = ours(fd) ? meddle("close") : 0, e = errno, r = real(fd);
    if (m < 0) { errno = e; return -1; }
    return r;
}
int renameat2(int from, const char *a, int to, const char *b, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    return meddle("renameat2") < 0 ? -1 : real(from, a, to, b, flags);
}
int linkat(int from, const char *a, int to, const char *b, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    return meddle("linkat") < 0 ? -1 : real(from, a, to, b, flags);
}
int unlinkat(int fd, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    return ours(fd) && meddle("unlinkat") < 0 ? -1 : real(fd, path, flags);
}
int openat64(int dir, const char *path, int flags, ...) {
    REAL(int, "openat64", int, const char *, int, ...);
    __builtin_va_list args;
    __builtin_va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? __builtin_va_arg(args, int) : 0;
    __builtin_va_end(args);
    const char *only = getenv("SHIM_DIR");
    if ((strstr(path, ".recording") || (only && !strcmp(path, only))) && meddle("openat64") < 0) return -1;
    return real(dir, path, flags, mode);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    static int looks;
    int result = real(clock, now);
    const char *first = getenv("SHIM_CLOCK");
    if (clock == CLOCK_REALTIME && first) {
        static const int years[] = {0, 3, -2, 1, -5};
        now->tv_sec += years[(atoi(first) + __sync_fetch_and_add(&looks, 1)) % 5] * 31556952L;
    }
    return result;
}
