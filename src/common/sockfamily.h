/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families of sockets that the configuration refuses, as words: the name as in
 * socket(2), and what becomes of the call, "AF_ALG:errno" or "AF_ALG:kill".
 */
#ifndef SOCKFAMILY_H
#define SOCKFAMILY_H

#include <stdbool.h>
#include <stddef.h>

/* Its name, a constant, or NULL. */
const char *sockfamily_name(int family);
/* The family of that name, len bytes, or -1. */
int sockfamily_number(const char *name, size_t len);
/* 0, or -1 when it is no such word. */
int sockfamily_parse(const char *word, int *family, bool *kill);

#endif
