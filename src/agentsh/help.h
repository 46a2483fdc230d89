/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help texts, generated from cmd.def.
 */
#ifndef HELP_H
#define HELP_H

#include <stdio.h>

#include "cli.h"

void help_all(FILE *);
void help_family(FILE *, const char *word);
void help_command(FILE *, enum cmd_id);

#endif
