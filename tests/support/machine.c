/*
 * A machine whose disk stalls or fails and whose clock is set, for one program: LD_PRELOAD it.
 *
 * MACHINE names a folder with three files that may be there or not:
 *
 *   fault   the next call on a recording that it is about goes wrong, once; then the file is gone. It holds three words:
 *           which call ("write" or "sync"), what happens to it ("stall" or "fail"), and for how many milliseconds, or
 *           with which errno
 *   nolocks the file system knows no locks, as NFS without its lock daemon
 *   clock   by how many seconds the wall clock is ahead; what runs by the clock that cannot be set is as ever
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
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

static int is_recording(int fd)
{
	char link[64], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	path[length > 0 ? length : 0] = 0;
	return strstr(path, ".mkv") != NULL;
}

/* 0: the call may go on. Else it fails with errno. */
static int fault(const char *call, int fd)
{
	char path[4096], which[16], what[16];
	int number;
	FILE *file = is_recording(fd) ? open_file("fault", path) : NULL;
	if (!file)
		return 0;
	int words = fscanf(file, "%15s %15s %d", which, what, &number);
	fclose(file);
	if (words != 3 || strcmp(which, call) != 0)
		return 0;
	if (strcmp(what, "fail") == 0) {
		unlink(path);
		errno = number;
		return -1;
	}
	struct timespec stall = { number / 1000, number % 1000 * 1000000L };
	nanosleep(&stall, NULL);
	unlink(path);
	return 0;
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
