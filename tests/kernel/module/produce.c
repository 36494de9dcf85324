// SPDX-License-Identifier: GPL-2.0
/*
 * The producer: keeps a list in a preserved vmalloc area that grows as the proposals' does, in
 * powers of two from 512 entries, and publishes it.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kexec_handover.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "rig.h"

#define FIRST_CAPACITY 512

static void *published;
static u64 *kept;
static struct kho_vmalloc preserved;

int rig_publish(enum rig_revision revision, const u64 *pfns, u64 count, bool huge)
{
	u64 capacity = max_t(u64, FIRST_CAPACITY, roundup_pow_of_two(max_t(u64, count, 1)));
	size_t bytes = array_size(capacity, sizeof(*pfns));
	int err;

	if (published)
		return -EBUSY;
	kept = huge ? vmalloc_huge_node(bytes, GFP_KERNEL, NUMA_NO_NODE) : vmalloc(bytes);
	if (!kept)
		return -ENOMEM;
	/* What stands past the count is old memory in a real array: make it visible as such. */
	memset(kept, 0xa5, bytes);
	memcpy(kept, pfns, count * sizeof(*pfns));
	err = kho_preserve_vmalloc(kept, &preserved);
	if (err)
		goto free_array;
	published = kho_alloc_preserve(rig_blob_size(revision));
	if (IS_ERR(published)) {
		err = PTR_ERR(published);
		published = NULL;
		goto unpreserve;
	}
	err = rig_write_blob(revision, published, count, &preserved);
	if (!err)
		err = kho_add_subtree(RIG_NODE, published, rig_blob_size(revision));
	if (err)
		goto free_blob;
	pr_info("hwpkho: published %llu PFNs, %u pages of order %u\n", count,
		preserved.total_pages, preserved.order);
	return 0;

free_blob:
	kho_unpreserve_free(published);
	published = NULL;
unpreserve:
	kho_unpreserve_vmalloc(&preserved);
free_array:
	vfree(kept);
	kept = NULL;
	return err;
}

void rig_unpublish(void)
{
	if (!published)
		return;
	kho_remove_subtree(published);
	kho_unpreserve_free(published);
	kho_unpreserve_vmalloc(&preserved);
	vfree(kept);
	published = NULL;
	kept = NULL;
}
