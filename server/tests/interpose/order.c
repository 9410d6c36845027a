/*
 * Writes down in which order a server writes messages to its write-ahead log, brings the log to
 * the disk and lets messages and acknowledgements out. Loaded before the C library (LD_PRELOAD),
 * it stands in for the calls that do so. Each goes to the kernel itself, by syscall(2).
 *
 * A line of the trace, with times that are numbers in one order over all threads:
 *
 *   wrote END MARK      a write to a *-wal file that held MARK has returned
 *   synced BEGIN END    an fsync or fdatasync of a *-wal file began and has returned
 *   ok BEGIN RE         the acknowledgement of the call RE begins to leave
 *   shown BEGIN MARK    a frame with MARK begins to leave
 *
 * A mark is "mark-" and six digits, in the text of a message.
 *
 * A call that passes the C library by is not seen. The test expects every acknowledgement in the
 * trace, so that such a call fails it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MARK "mark-"
#define MARK_LEN (sizeof MARK - 1 + 6)
#define ACK "{\"t\":\"ok\",\"re\":"
#define PLACE ",\"data\":{\"seq\":"

static atomic_ulong clock_now = 1;
static int trace = -1;

__attribute__((constructor)) static void open_trace(void) {
    const char *path = getenv("ORDER_TRACE");
    if (path == NULL)
        return;
    trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (trace < 0)
        abort();
}

static unsigned long tick(void) { return atomic_fetch_add(&clock_now, 1); }

/* One write a line: lines of several threads do not mix. */
static void note(const char *line, int len) {
    if (syscall(SYS_write, trace, line, len) != len)
        abort();
}

static int is_wal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path);
    return len > 4 && memcmp(path + len - 4, "-wal", 4) == 0;
}

static void note_marks(const char *what, unsigned long at, const char *bytes, size_t len) {
    const char *end = bytes + len, *mark = bytes;
    while ((mark = memmem(mark, end - mark, MARK, sizeof MARK - 1)) != NULL) {
        if ((size_t)(end - mark) < MARK_LEN)
            return;
        char line[64];
        note(line, snprintf(line, sizeof line, "%s %lu %.*s\n", what, at, (int)MARK_LEN, mark));
        mark += MARK_LEN;
    }
}

static void note_acks(unsigned long at, const char *bytes, size_t len) {
    const char *end = bytes + len, *ack = bytes;
    while ((ack = memmem(ack, end - ack, ACK, sizeof ACK - 1)) != NULL) {
        const char *re = ack += sizeof ACK - 1;
        while (ack < end && *ack >= '0' && *ack <= '9')
            ack++;
        if ((size_t)(end - ack) < sizeof PLACE || memcmp(ack, PLACE, sizeof PLACE - 1) != 0)
            continue;
        char line[64];
        note(line, snprintf(line, sizeof line, "ok %lu %.*s\n", at, (int)(ack - re), re));
    }
}

/* What is about to leave. */
static void leaving(const void *bytes, size_t len) {
    if (trace < 0)
        return;
    unsigned long at = tick();
    note_acks(at, bytes, len);
    note_marks("shown", at, bytes, len);
}

/* What has been written to a file. */
static void written(int fd, const void *bytes, ssize_t len) {
    int error = errno;
    if (trace >= 0 && len > 0 && is_wal(fd))
        note_marks("wrote", tick(), bytes, len);
    errno = error;
}

static int sync_by(long number, int fd) {
    unsigned long begin = tick();
    int result = syscall(number, fd);
    int error = errno;
    if (trace >= 0 && result == 0 && is_wal(fd)) {
        char line[64];
        note(line, snprintf(line, sizeof line, "synced %lu %lu\n", begin, tick()));
    }
    errno = error;
    return result;
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, len, at);
    written(fd, bytes, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return pwrite64(fd, bytes, len, at);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    if (trace >= 0 && !is_wal(fd))
        leaving(bytes, len);
    ssize_t done = syscall(SYS_write, fd, bytes, len);
    written(fd, bytes, done);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    for (int i = 0; i < count; i++)
        leaving(parts[i].iov_base, parts[i].iov_len);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len) {
    leaving(bytes, len);
    return syscall(SYS_sendto, fd, bytes, len, flags, to, to_len);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags) {
    return sendto(fd, bytes, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    for (size_t i = 0; i < message->msg_iovlen; i++)
        leaving(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    return syscall(SYS_sendmsg, fd, message, flags);
}
