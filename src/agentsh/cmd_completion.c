/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh completion bash: first and second words of the commands, and the
 * operations that policies can be asked about.
 */
#include <stdio.h>
#include <string.h>

#include "../common/policytry.h"
#include "cli.h"

/* After the policy: one word, or --session and its id. */
static void
put_operations(void)
{
	const char *name;
	size_t i;

	fputs("\t3|4|5) case \"$COMP_CWORD ${COMP_WORDS[*]:1:3}\" in\n"
	      "\t   '3 policy test -'*|'3 policy explain -'*) "
	      "words=--session ;;\n"
	      "\t   '4 policy test --session'|"
	      "'4 policy explain --session') ;;\n"
	      "\t   '4 policy test '*|'4 policy explain '*|"
	      "'5 policy test --session'|'5 policy explain --session') "
	      "words='",
	    stdout);
	for (i = 0; (name = try_operation(i)) != NULL; i++)
		printf("%s ", name);
	fputs("' ;;\n\t   esac ;;\n", stdout);
}

int
cmd_completion(struct args *a)
{
	const char *w, *last = "";
	size_t i, n;

	(void)a;
	fputs(
	    "_agentsh() {\n\tlocal words\n\tcase $COMP_CWORD in\n\t1) words='",
	    stdout);
	for (i = 0; i < CMD_MAX; i++) {
		w = cmd_rows[i].words;
		n = strcspn(w, " ");
		if (strcspn(last, " ") == n && strncmp(w, last, n) == 0)
			continue;
		printf("%.*s ", (int)n, w);
		last = w;
	}
	fputs("' ;;\n\t2) case ${COMP_WORDS[1]} in\n", stdout);
	for (i = 0; i < CMD_MAX; i++) {
		w = cmd_rows[i].words;
		n = strcspn(w, " ");
		if (w[n] == ' ')
			printf("\t   %.*s) words+=' %s' ;;&\n", (int)n, w,
			    w + n + 1);
	}
	fputs("\t   esac ;;\n", stdout);
	put_operations();
	fputs("\tesac\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
	      "\"${COMP_WORDS[COMP_CWORD]}\")\n}\n"
	      "complete -o default -F _agentsh agentsh\n",
	    stdout);
	return 0;
}
