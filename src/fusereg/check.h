/* SPDX-License-Identifier: Apache-2.0 */
/* Which files fusereg registers. */
#ifndef CHECK_H
#define CHECK_H

/* 0, or an error number: the file of this descriptor is not to be registered. */
int reg_check_file(int fd);

#endif
