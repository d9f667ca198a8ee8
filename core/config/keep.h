/* What configurations point to lives as long as the process: they are few and small, their copies are plain struct
 * copies, and diagnostics show source lines long after a file was read. Safe to call from several threads. Who reads
 * one experiment after another and needs none of the former gives back what they hold. */
#ifndef NL_CONFIG_KEEP_H
#define NL_CONFIG_KEEP_H

void *nl_keep(void *block);             /* takes a heap block over for good; returns it */
char *
nl_keep_text(const char *text); /* the kept copy of text, one for equal texts: setting a key again costs nothing */

struct nl_kept {
    int blocks, texts;
};
struct nl_kept nl_kept_now(void);
void nl_keep_for_good(void); /* nothing that is kept by now is ever freed */
void nl_keep_no_more(struct nl_kept before); /* frees all that was kept since, by whatever thread */

#endif
