/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's terminal, while a command of a session has it.
 */
#ifndef TTY_H
#define TTY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"

/* Standard input is one? */
bool tty_is_there(void);
void tty_size(uint16_t *rows, uint16_t *cols);
/* Keys go to the command as they are, until tty_restore() or the end of the
 * program, by whatever signal but SIGKILL. 0, or -1 after a message. */
int tty_raw(void);
void tty_restore(void);
/* What poll(2) has to wait with: our signals come only there. */
const sigset_t *tty_mask(void);
/* Once after each change: was there one? Stops the program where it was asked
 * to, and goes on in raw mode. */
bool tty_changed(void);

/* exec_pty.c: shows the terminal of a command that body asks for. The exit
 * status; sid is created where p says how. */
int exec_pty(const struct args *, const struct exec_plan *, const char *body,
    size_t len);

#endif
