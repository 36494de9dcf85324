/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hwpoison subtree as the two published proposals have it, and the parts of this module.
 */
#ifndef HWPKHO_RIG_H
#define HWPKHO_RIG_H

#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define RIG_NODE "hwpoison"
#define RIG_COMPATIBLE "hwpoison-v1"
#define RIG_VERSION 1

enum rig_revision {
	RIG_STRUCT,
	RIG_FDT,
};

/* The struct revision: 32 bytes, packed. */
struct rig_header {
	u32 version;
	u32 pad;
	u64 count;
	struct kho_vmalloc pfns;
} __packed;

/* A PFN list while it is looked at or made; @pfns is a vmalloc area. */
struct rig_list {
	u64 *pfns;
	u64 count;
};

/* blob.c: what the blob of either revision says. */
int rig_read_blob(enum rig_revision revision, const void *blob, size_t size,
		  u64 *count, struct kho_vmalloc *pfns);
int rig_write_blob(enum rig_revision revision, void *blob, u64 count,
		   const struct kho_vmalloc *pfns);
size_t rig_blob_size(enum rig_revision revision);

/* produce.c: keeps a list for the next kernel, once. */
int rig_publish(enum rig_revision revision, const u64 *pfns, u64 count, bool huge);
void rig_unpublish(void);

#endif
