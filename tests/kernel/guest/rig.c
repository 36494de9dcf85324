// SPDX-License-Identifier: GPL-2.0
/*
 * What busybox cannot do in a guest:
 *   rig poisoned                  PFNs with the HWPOISON flag in /proc/kpageflags, one 0x… a line
 *   rig free COUNT                so many PFNs of free pages from all over memory
 *   rig huge COUNT                so many PFNs of pages inside huge pages, one of each
 *   rig load KERNEL INITRD ARGS   kexec_file_load()
 *   rig exec                      jump into what was loaded
 *   rig preserve SESSION TOKEN:BYTES...
 *                                 a LUO session with memfds of so many bytes; they stay open
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kernel-page-flags.h>
#include <linux/reboot.h>

static int complain(const char *what)
{
	fprintf(stderr, "rig: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Prints every step-th page that has the flag, at most so many; returns how many have it. */
static int64_t pages_with(int flag, uint64_t step, uint64_t most)
{
	static uint64_t flags[8192];
	uint64_t pfn = 0, found = 0;
	ssize_t n;
	int fd = open("/proc/kpageflags", O_RDONLY);

	if (fd < 0)
		return -complain("/proc/kpageflags");
	while ((n = read(fd, flags, sizeof(flags))) > 0)
		for (size_t i = 0; i < n / sizeof(*flags); i++, pfn++)
			if (flags[i] >> flag & 1 && ++found % step == 0 && found / step <= most)
				printf("0x%" PRIx64 "\n", pfn);
	close(fd);
	return n < 0 ? -complain("/proc/kpageflags") : (int64_t)found;
}

static int free_pages(uint64_t count)
{
	int64_t there = pages_with(KPF_BUDDY, 1, 0);

	if (there < 0 || !count || (uint64_t)there <= count)
		return 1;
	/* A step is left over: some of them may be in use by the time of the second look. */
	return pages_with(KPF_BUDDY, there / (count + 1), count) < 0;
}

/* Not the first page of a huge one: that is what its flags stand on. */
static int huge_pages(uint64_t count)
{
	uint64_t flags[4], pfn = 0;
	int fd = open("/proc/kpageflags", O_RDONLY);

	if (fd < 0)
		return complain("/proc/kpageflags");
	for (; count && read(fd, flags, sizeof(flags)) == sizeof(flags); pfn += 4)
		if (flags[0] >> KPF_HUGE & 1 && flags[0] >> KPF_COMPOUND_HEAD & 1 && count--)
			printf("0x%" PRIx64 "\n", pfn + 3);
	close(fd);
	return count != 0;
}

static int load(const char *kernel, const char *initrd, const char *args)
{
	int k = open(kernel, O_RDONLY), i = open(initrd, O_RDONLY);

	if (k < 0 || i < 0)
		return complain(k < 0 ? kernel : initrd);
	if (syscall(SYS_kexec_file_load, k, i, strlen(args) + 1, args, 0UL))
		return complain("kexec_file_load");
	return 0;
}

/* include/uapi/linux/liveupdate.h, which the libc of the build machine may not have yet. */
struct create_session {
	uint32_t size;
	int32_t fd;
	uint8_t name[64];
};
struct preserve_fd {
	uint32_t size;
	int32_t fd;
	uint64_t token;
};
#define CREATE_SESSION _IO(0xba, 0x00)
#define PRESERVE_FD _IO(0xba, 0x40)

static int memfd_of(uint64_t bytes)
{
	static char page[4096];
	int fd = memfd_create("guest", 0);

	memset(page, 0x5a, sizeof(page));
	while (fd >= 0 && bytes) {
		size_t part = bytes < sizeof(page) ? bytes : sizeof(page);

		if (write(fd, page, part) != (ssize_t)part)
			return -1;
		bytes -= part;
	}
	return fd;
}

static int preserve(const char *name, char **files)
{
	struct create_session session = { .size = sizeof(session) };
	int device = open("/dev/liveupdate", O_RDWR);

	strncpy((char *)session.name, name, sizeof(session.name) - 1);
	if (device < 0 || ioctl(device, CREATE_SESSION, &session))
		return complain(device < 0 ? "/dev/liveupdate" : "CREATE_SESSION");
	for (; *files; files++) {
		char *bytes;
		struct preserve_fd file = { .size = sizeof(file) };

		file.token = strtoull(*files, &bytes, 10);
		file.fd = memfd_of(*bytes == ':' ? strtoull(bytes + 1, NULL, 10) : 0);
		if (file.fd < 0 || ioctl(session.fd, PRESERVE_FD, &file))
			return complain(file.fd < 0 ? "memfd_create" : "PRESERVE_FD");
	}
	/* The device is opened by one at a time. A session that is closed is given up: a child keeps it. */
	close(device);
	if (!fork())
		for (;;)
			pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "poisoned"))
		return pages_with(KPF_HWPOISON, 1, UINT64_MAX) < 0;
	if (argc == 3 && !strcmp(argv[1], "free"))
		return free_pages(strtoull(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "huge"))
		return huge_pages(strtoull(argv[2], NULL, 10));
	if (argc == 5 && !strcmp(argv[1], "load"))
		return load(argv[2], argv[3], argv[4]);
	if (argc == 2 && !strcmp(argv[1], "exec")) {
		sync();
		reboot(LINUX_REBOOT_CMD_KEXEC);
		return complain("kexec");
	}
	if (argc >= 3 && !strcmp(argv[1], "preserve"))
		return preserve(argv[2], argv + 3);
	fprintf(stderr, "usage: rig poisoned | free COUNT | huge COUNT | load KERNEL INITRD ARGS | exec | "
		"preserve SESSION TOKEN:BYTES...\n");
	return 2;
}
