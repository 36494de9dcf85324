// SPDX-License-Identifier: GPL-2.0
/*
 * Both revisions of the blob, checked in the order in which the proposed consumers check them.
 * What they do not check is not checked here either: that is what the rig is there to show.
 */
#include <linux/errno.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "rig.h"

static int read_struct(const void *blob, size_t size, u64 *count, struct kho_vmalloc *pfns)
{
	const struct rig_header *header = blob;

	if (size < sizeof(header->version)) {
		pr_info("hwpkho: refused: blob of %zu bytes has no version\n", size);
		return -EINVAL;
	}
	if (header->version != RIG_VERSION) {
		pr_info("hwpkho: refused: version %u\n", header->version);
		return -EINVAL;
	}
	if (size < sizeof(*header)) {
		pr_info("hwpkho: refused: blob of %zu bytes has no header\n", size);
		return -EINVAL;
	}
	*count = header->count;
	*pfns = header->pfns;
	return 0;
}

static int read_fdt(const void *blob, u64 *count, struct kho_vmalloc *pfns)
{
	const void *value;
	int length;

	if (fdt_check_header(blob)) {
		pr_info("hwpkho: refused: blob is no FDT\n");
		return -EINVAL;
	}
	if (fdt_node_check_compatible(blob, 0, RIG_COMPATIBLE)) {
		pr_info("hwpkho: refused: not compatible\n");
		return -EINVAL;
	}
	value = fdt_getprop(blob, 0, "count", &length);
	if (!value || length != sizeof(*count)) {
		pr_info("hwpkho: refused: no count\n");
		return -EINVAL;
	}
	memcpy(count, value, sizeof(*count));
	value = fdt_getprop(blob, 0, "pfns", &length);
	if (!value || length != sizeof(*pfns)) {
		pr_info("hwpkho: refused: no pfns\n");
		return -EINVAL;
	}
	memcpy(pfns, value, sizeof(*pfns));
	return 0;
}

int rig_read_blob(enum rig_revision revision, const void *blob, size_t size,
		  u64 *count, struct kho_vmalloc *pfns)
{
	if (revision == RIG_FDT)
		return read_fdt(blob, count, pfns);
	return read_struct(blob, size, count, pfns);
}

size_t rig_blob_size(enum rig_revision revision)
{
	return revision == RIG_FDT ? PAGE_SIZE : sizeof(struct rig_header);
}

int rig_write_blob(enum rig_revision revision, void *blob, u64 count,
		   const struct kho_vmalloc *pfns)
{
	int err;

	if (revision == RIG_STRUCT) {
		struct rig_header *header = blob;

		header->version = RIG_VERSION;
		header->pad = 0;
		header->count = count;
		header->pfns = *pfns;
		return 0;
	}
	err = fdt_create(blob, PAGE_SIZE);
	err |= fdt_finish_reservemap(blob);
	err |= fdt_begin_node(blob, "");
	err |= fdt_property(blob, "compatible", RIG_COMPATIBLE, sizeof(RIG_COMPATIBLE));
	err |= fdt_property(blob, "count", &count, sizeof(count));
	err |= fdt_property(blob, "pfns", pfns, sizeof(*pfns));
	err |= fdt_end_node(blob);
	err |= fdt_finish(blob);
	return err ? -ENOSPC : 0;
}
