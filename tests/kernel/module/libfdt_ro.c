// SPDX-License-Identifier: GPL-2.0
/* The kernel's own libfdt, which it exports to no module. */
#include <linux/libfdt_env.h>
#include "fdt_ro.c"
