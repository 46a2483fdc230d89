/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that are no place for files.
 */
#ifndef PSEUDOFS_H
#define PSEUDOFS_H

#include <stdbool.h>

/* Is the object of a file system that shows the state of the kernel or of its
 * processes? Also true when that cannot be found out. */
bool fs_is_pseudo(int fd);

#endif
