// SPDX-License-Identifier: GPL-2.0
/*
 * An EFI application that does for a table of poisoned memory what the kernel's EFI stub does:
 * puts it into memory, names it in the configuration table, and starts the kernel. It stands on
 * the disk it is started from beside what it reads:
 *
 *   place    u64 address of the table (0: of the first piece), then pieces: u64 address (0: where
 *            the firmware's pool has room), u64 bytes, and these
 *   kernel   a kernel with an EFI stub
 *   options  its command line, UTF-16, with a zero at the end
 *
 * Names and numbers are those of UEFI 2.10. There are no headers of EDK2 here: only what is called
 * has its place, the rest is padding.
 */
#include <stdint.h>

typedef uint64_t status;
typedef uint16_t char16;
struct guid { uint8_t bytes[16]; };
#define EFI __attribute__((ms_abi))
#define FAILED(x) ((x) >> 63)

enum { ALLOCATE_ADDRESS = 2, LOADER_DATA = 2, ACPI_RECLAIM = 9, READ = 1, PAGE = 4096 };

struct header { uint64_t signature; uint32_t revision, size, crc, reserved; };

struct out {
	void *reset;
	EFI status (*print)(struct out *, const char16 *);
};

struct boot_services {
	struct header header;
	void *raise_tpl, *restore_tpl;
	EFI status (*allocate_pages)(int how, int type, uint64_t pages, uint64_t *at);
	void *free_pages, *get_memory_map;
	EFI status (*allocate_pool)(int type, uint64_t bytes, void **at);
	void *free_pool, *create_event, *set_timer, *wait_for_event, *signal_event, *close_event;
	void *check_event, *install_protocol, *reinstall_protocol, *uninstall_protocol;
	EFI status (*protocol)(void *handle, const struct guid *, void **found);
	void *reserved, *register_notify, *locate_handle, *locate_device_path;
	EFI status (*install_table)(const struct guid *, void *table);
	EFI status (*load_image)(uint8_t policy, void *parent, void *path, void *from, uint64_t bytes,
				 void **handle);
	EFI status (*start_image)(void *handle, uint64_t *exit_bytes, char16 **exit_data);
};

struct system {
	struct header header;
	char16 *vendor;
	uint64_t revision;
	void *in_handle, *in, *out_handle;
	struct out *out;
	void *err_handle, *err, *runtime;
	struct boot_services *boot;
};

struct loaded_image {
	uint64_t revision;
	void *parent, *system, *device, *path, *reserved;
	uint32_t options_bytes;
	void *options;
};

struct file {
	uint64_t revision;
	EFI status (*open)(struct file *, struct file **, const char16 *, uint64_t, uint64_t);
	EFI status (*close)(struct file *);
	void *delete;
	EFI status (*read)(struct file *, uint64_t *bytes, void *to);
	void *write;
	EFI status (*position)(struct file *, uint64_t *);
	EFI status (*set_position)(struct file *, uint64_t);
};

struct file_system {
	uint64_t revision;
	EFI status (*open)(struct file_system *, struct file **);
};

static const struct guid loaded_image_guid = { {
	0xa1, 0x31, 0x1b, 0x5b, 0x62, 0x95, 0xd2, 0x11, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
static const struct guid file_system_guid = { {
	0x22, 0x5b, 0x4e, 0x96, 0x59, 0x64, 0xd2, 0x11, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
/* LINUX_EFI_POISONED_MEMORY_TABLE_GUID */
static const struct guid poisoned_guid = { {
	0x15, 0x8a, 0x82, 0xaf, 0xf4, 0x0e, 0x9a, 0x43, 0xb8, 0x6a, 0xd6, 0xd6, 0x9e, 0xaf, 0xba, 0xfa } };

static struct system *sys;
static struct file *disk;

static status fail(const char16 *what)
{
	sys->out->print(sys->out, u"place: ");
	sys->out->print(sys->out, what);
	sys->out->print(sys->out, u"\r\n");
	return 1ull << 63 | 1;
}

static void *read_file(const char16 *name, uint64_t *bytes)
{
	struct file *file;
	void *data;

	if (FAILED(disk->open(disk, &file, name, READ, 0)) ||
	    FAILED(file->set_position(file, ~0ull)) || FAILED(file->position(file, bytes)) ||
	    FAILED(file->set_position(file, 0)) ||
	    FAILED(sys->boot->allocate_pool(LOADER_DATA, *bytes, &data)) ||
	    FAILED(file->read(file, bytes, data)))
		return 0;
	file->close(file);
	return data;
}

/* Like ACPI tables: what stands there outlives every kernel that hands it on. */
static void *room_for(uint64_t at, uint64_t bytes)
{
	uint64_t first = at & -(uint64_t)PAGE;
	void *found;

	if (!at)
		return FAILED(sys->boot->allocate_pool(ACPI_RECLAIM, bytes, &found)) ? 0 : found;
	if (FAILED(sys->boot->allocate_pages(ALLOCATE_ADDRESS, ACPI_RECLAIM,
					     (at + bytes - first + PAGE - 1) / PAGE, &first)))
		return 0;
	return (void *)at;
}

static void copy(uint8_t *to, const uint8_t *from, uint64_t bytes)
{
	while (bytes--)
		*to++ = *from++;
}

EFI status efi_main(void *handle, struct system *system)
{
	struct loaded_image *self, *kernel;
	struct file_system *files;
	uint64_t bytes, *place, table, options_bytes;
	uint8_t *at, *end, *options, *image;
	void *child;

	sys = system;
	if (FAILED(sys->boot->protocol(handle, &loaded_image_guid, (void **)&self)) ||
	    FAILED(sys->boot->protocol(self->device, &file_system_guid, (void **)&files)) ||
	    FAILED(files->open(files, &disk)))
		return fail(u"no disk");
	place = read_file(u"place", &bytes);
	if (!place)
		return fail(u"cannot read place");
	table = place[0];
	end = (uint8_t *)place + bytes;
	for (at = (uint8_t *)(place + 1); at < end; at += 16 + ((uint64_t *)at)[1]) {
		uint64_t size = ((uint64_t *)at)[1];
		uint8_t *to = room_for(((uint64_t *)at)[0], size);

		if (!to)
			return fail(u"no room for a piece");
		copy(to, at + 16, size);
		if (!table)
			table = (uint64_t)to;
	}
	if (FAILED(sys->boot->install_table(&poisoned_guid, (void *)table)))
		return fail(u"InstallConfigurationTable");
	options = read_file(u"options", &options_bytes);
	image = read_file(u"kernel", &bytes);
	if (!options || !image)
		return fail(u"cannot read the kernel");
	if (FAILED(sys->boot->load_image(0, handle, 0, image, bytes, &child)) ||
	    FAILED(sys->boot->protocol(child, &loaded_image_guid, (void **)&kernel)))
		return fail(u"LoadImage");
	kernel->device = self->device;	/* where the stub looks for initrd= */
	kernel->options = options;
	kernel->options_bytes = options_bytes;
	sys->boot->start_image(child, 0, 0);
	return fail(u"the kernel came back");
}
