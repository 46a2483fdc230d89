/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a row of rows.def with ATTACK, by family in attack_*.c: it tries
 * the technique on objects of its own and says how that ended. It works in the
 * directory it is started in, which has
 *
 *	denied	a copy of the program; the policy denies to execute it. It
 *		makes a file "RAN"
 *	secret	the policy denies everything with it
 *	kept	can be read and not changed, nor anything in kept.d
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>

enum end {
	STOPPED,
	ESCAPED,
	UNTRIED,    /* something of the attack's own is wrong */
	ABSENT = 77 /* this kernel or machine has nothing to try it on */
};

/* Prints why, and returns the end. */
enum end stopped(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
enum end escaped(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
enum end untried(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
enum end absent(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Of a system call that must not succeed: n is what it returned. */
enum end must_fail(const char *what, long n);
/* Descriptor of a victim's number, or a key, that attack.sh hands over. */
extern const char *attack_arg;

/* clang-format off */
#define ROW(id, title, layer, how, arg) ROW_##how(id)
#define ROW_ATTACK(id) enum end attack_##id(void);
#define ROW_TEST(id)
#define ROW_NONE(id)
#include "rows.def"
#undef ROW
#undef ROW_ATTACK
/* clang-format on */

#endif
