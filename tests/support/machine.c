/*
 * A machine whose disk stalls or fails and whose clock is set, for one program: LD_PRELOAD it.
 *
 * MACHINE names a folder with three files that may be there or not:
 *
 *   fault   calls on a recording, or on what a sender keeps for recorders, go wrong. It holds three words: which call
 *           ("open", "lock", "read", "write" or "sync"), what happens to it, and a number. The next one, after which the file is
 *           gone, may "stall" for so many milliseconds, or "fail" with that errno; all may "refuse" with that errno, or
 *           "hang", as long as the file is there
 *   nolocks the file system knows no locks, as NFS without its lock daemon
 *   clock   by how many seconds the wall clock is ahead; what runs by the clock that cannot be set is as ever
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static FILE *open_file(const char *name, char path[4096])
{
	const char *folder = getenv("MACHINE");
	snprintf(path, 4096, "%s/%s", folder ? folder : "/nowhere", name);
	return fopen(path, "r");
}

static int is_recording(const char *path)
{
	return strstr(path, ".mkv") != NULL || strstr(path, ".frames") != NULL;
}

/* What is opened first of a folder of camcast's. */
static int is_lock(const char *path)
{
	return strstr(path, "spill.lock") != NULL;
}

/* What is to happen to that call, and its number. 0: nothing. */
static int fault_for(const char *call, char path[4096], char what[16], int *number)
{
	char which[16];
	FILE *file = open_file("fault", path);
	int words = file ? fscanf(file, "%15s %15s %d", which, what, number) : 0;
	if (file)
		fclose(file);
	return words == 3 && strcmp(which, call) == 0;
}

/* 0: the call may go on. Else it fails with errno. */
static int fault_of(const char *call, const char *recording)
{
	char path[4096], what[16];
	int number;
	if ((!is_recording(recording) && !is_lock(recording)) || !fault_for(call, path, what, &number))
		return 0;
	while (strcmp(what, "hang") == 0) {
		usleep(10000);
		if (!fault_for(call, path, what, &number))
			return 0;
	}
	if (strcmp(what, "fail") == 0 || strcmp(what, "refuse") == 0) {
		if (strcmp(what, "fail") == 0)
			unlink(path);
		errno = number;
		return -1;
	}
	struct timespec stall = { number / 1000, number % 1000 * 1000000L };
	nanosleep(&stall, NULL);
	unlink(path);
	return 0;
}

static void path_of(int fd, char path[4096])
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, 4095);
	path[length > 0 ? length : 0] = 0;
}

static int fault(const char *call, int fd)
{
	char path[4096];
	path_of(fd, path);
	return fault_of(call, path);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return fault_of(is_lock(path) ? "lock" : "open", path) ? -1 : REAL(openat)(dir, path, flags, mode);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at)
{
	return fault("read", fd) ? -1 : REAL(pread64)(fd, bytes, length, at);
}

/* Frames of a sender's are written so; of a recording it is what is known at its end alone. */
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
	char path[4096];
	path_of(fd, path);
	return strstr(path, ".frames") && fault_of("write", path) ? -1 : REAL(pwrite64)(fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	return fault("write", fd) ? -1 : REAL(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return fault("write", fd) ? -1 : REAL(writev)(fd, parts, count);
}

int fdatasync(int fd)
{
	return fault("sync", fd) ? -1 : REAL(fdatasync)(fd);
}

int fsync(int fd)
{
	return fault("sync", fd) ? -1 : REAL(fsync)(fd);
}

int flock(int fd, int how)
{
	char path[4096];
	FILE *file = open_file("nolocks", path);
	if (!file)
		return REAL(flock)(fd, how);
	fclose(file);
	errno = ENOLCK;
	return -1;
}

int clock_gettime(clockid_t which, struct timespec *now)
{
	char path[4096];
	long ahead = 0;
	int result = REAL(clock_gettime)(which, now);
	FILE *file = result == 0 && which == CLOCK_REALTIME ? open_file("clock", path) : NULL;
	if (file) {
		if (fscanf(file, "%ld", &ahead) == 1)
			now->tv_sec += ahead;
		fclose(file);
	}
	return result;
}
