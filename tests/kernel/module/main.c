// SPDX-License-Identifier: GPL-2.0
/*
 * Takes the list of poisoned pages that a previous kernel (or hwpkho) handed over, says every PFN
 * of it, and on request poisons and passes it on. Written for the tests of hwpkho; every line
 * that the tests read begins with "hwpkho:".
 *
 * Parameters: revision=struct|fdt, consume=0|1, poison=0|1, carry=0|1, huge=0|1, stay=0|1.
 * debugfs: hwpkho/list takes native u64 PFNs, a write to hwpkho/publish keeps them for the next
 * kernel; hwpkho/restored gives what was restored.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/page-flags.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "rig.h"

/* Above this many the log gets a count and a checksum. */
#define PRINT_MAX 2000
/* 64 Mi PFNs: more than any test feeds. */
#define FEED_MAX (64UL << 23)

static char *revision = "struct";
module_param(revision, charp, 0444);
MODULE_PARM_DESC(revision, "revision of the blob: struct or fdt");
static bool consume = true;
module_param(consume, bool, 0444);
MODULE_PARM_DESC(consume, "restore the incoming list");
static bool poison;
module_param(poison, bool, 0444);
MODULE_PARM_DESC(poison, "call memory_failure() on each PFN");
static bool carry;
module_param(carry, bool, 0444);
MODULE_PARM_DESC(carry, "keep the list for the next kernel");
static bool huge;
module_param(huge, bool, 0444);
MODULE_PARM_DESC(huge, "let huge pages back the array");
static bool stay;
module_param(stay, bool, 0444);
MODULE_PARM_DESC(stay, "stop for ever inside reboot(KEXEC), once LUO has written its sessions");

static DEFINE_MUTEX(feed_lock);
static u64 *feed;
static size_t feed_bytes;
static size_t feed_room;
static struct rig_list restored;
static struct debugfs_blob_wrapper restored_blob;
static struct dentry *folder;

static enum rig_revision chosen(void)
{
	return strcmp(revision, "fdt") ? RIG_STRUCT : RIG_FDT;
}

/* FNV-1a over whole words; tests/kernel computes the same. */
static u64 checksum(const u64 *pfns, u64 count)
{
	u64 sum = 0xcbf29ce484222325ULL;

	for (u64 i = 0; i < count; i++)
		sum = (sum ^ pfns[i]) * 0x100000001b3ULL;
	return sum;
}

static void say(const struct rig_list *list)
{
	if (list->count > PRINT_MAX) {
		pr_info("hwpkho: checksum 0x%016llx\n", checksum(list->pfns, list->count));
		return;
	}
	for (u64 i = 0; i < list->count; i++)
		pr_info("hwpkho: pfn 0x%llx\n", list->pfns[i]);
}

static bool is_poisoned(u64 pfn)
{
	return pfn_valid(pfn) && PageHWPoison(pfn_to_page(pfn));
}

static void poison_all(struct rig_list *list)
{
	u64 recovered = 0, flagged = 0;

	for (u64 i = 0; i < list->count; i++) {
		int err = memory_failure(list->pfns[i], 0);

		if (!err)
			recovered++;
		else if (list->count <= PRINT_MAX)
			pr_info("hwpkho: memory_failure 0x%llx: %d\n", list->pfns[i], err);
	}
	for (u64 i = 0; i < list->count; i++)
		flagged += is_poisoned(list->pfns[i]);
	pr_info("hwpkho: poisoned %llu flagged %llu of %llu\n", recovered, flagged, list->count);
}

static int take(void)
{
	struct kho_vmalloc where;
	struct rig_list list;
	phys_addr_t phys;
	size_t size;
	int err;

	err = kho_retrieve_subtree(RIG_NODE, &phys, &size);
	if (err) {
		pr_info("hwpkho: no subtree: %d\n", err);
		return err;
	}
	err = rig_read_blob(chosen(), phys_to_virt(phys), size, &list.count, &where);
	if (err)
		return err;
	list.pfns = kho_restore_vmalloc(&where);
	if (!list.pfns) {
		pr_info("hwpkho: refused: array not restored\n");
		return -EINVAL;
	}
	pr_info("hwpkho: restored %llu PFNs\n", list.count);
	say(&list);
	pr_info("hwpkho: end of list\n");
	restored = list;
	if (poison)
		poison_all(&restored);
	return 0;
}

/* Only what carries the flag is passed on once pages were poisoned, as the proposals do. */
static int pass_on(void)
{
	struct rig_list list = { .count = 0 };
	int err;

	list.pfns = vmalloc(array_size(max_t(u64, restored.count, 1), sizeof(*list.pfns)));
	if (!list.pfns)
		return -ENOMEM;
	for (u64 i = 0; i < restored.count; i++)
		if (!poison || is_poisoned(restored.pfns[i]))
			list.pfns[list.count++] = restored.pfns[i];
	err = rig_publish(chosen(), list.pfns, list.count, huge);
	vfree(list.pfns);
	return err;
}

static ssize_t list_write(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	size_t end;

	guard(mutex)(&feed_lock);
	if (*at < 0 || *at > FEED_MAX || n > FEED_MAX - *at)
		return -EFBIG;
	end = *at + n;
	if (end > feed_room) {
		size_t room = roundup_pow_of_two(max_t(size_t, end, PAGE_SIZE));
		u64 *more = vzalloc(room);

		if (!more)
			return -ENOMEM;
		if (feed)
			memcpy(more, feed, feed_bytes);
		vfree(feed);
		feed = more;
		feed_room = room;
	}
	if (copy_from_user((u8 *)feed + *at, from, n))
		return -EFAULT;
	feed_bytes = max(feed_bytes, end);
	*at = end;
	return n;
}

static const struct file_operations list_fops = {
	.owner = THIS_MODULE,
	.write = list_write,
};

static ssize_t publish_write(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	int err;

	guard(mutex)(&feed_lock);
	err = rig_publish(chosen(), feed, feed_bytes / sizeof(*feed), huge);
	return err ? err : n;
}

static const struct file_operations publish_fops = {
	.owner = THIS_MODULE,
	.write = publish_write,
};

/* kernel_kexec() calls this after liveupdate_reboot(), with devices still there. */
static int stay_here(struct notifier_block *block, unsigned long event, void *data)
{
	pr_info("hwpkho: dump stopped\n");
	for (;;)
		ssleep(1);
	return NOTIFY_DONE;
}
static struct notifier_block stop = { .notifier_call = stay_here };

static int __init rig_init(void)
{
	if (!kho_is_enabled()) {
		pr_info("hwpkho: KHO is off\n");
		return -ENODEV;
	}
	/* A refused list leaves the module in place: a kernel boots on without it, too. */
	if (consume && !take() && carry)
		pr_info("hwpkho: carried on: %d\n", pass_on());
	folder = debugfs_create_dir("hwpkho", NULL);
	debugfs_create_file("list", 0200, folder, NULL, &list_fops);
	debugfs_create_file("publish", 0200, folder, NULL, &publish_fops);
	if (restored.pfns) {
		restored_blob.data = restored.pfns;
		restored_blob.size = restored.count * sizeof(*restored.pfns);
		debugfs_create_blob("restored", 0400, folder, &restored_blob);
	}
	if (stay)
		register_reboot_notifier(&stop);
	pr_info("hwpkho: ready\n");
	return 0;
}
module_init(rig_init);

static void __exit rig_exit(void)
{
	if (stay)
		unregister_reboot_notifier(&stop);
	debugfs_remove(folder);
	rig_unpublish();
	vfree(restored.pfns);
	vfree(feed);
}
module_exit(rig_exit);

MODULE_DESCRIPTION("Consumer and producer of a list of poisoned pages, for the tests of hwpkho");
MODULE_LICENSE("GPL");
