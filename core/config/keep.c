/* Keeps a list of all that was allocated for configurations, under a lock. */
#include "config/keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Reachable from here until the end, so that a leak checker sees what is kept on purpose as kept. */
struct list {
    void **at;
    int count, capacity;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list blocks, texts;
static struct nl_kept for_good;

static void *add(struct list *list, void *block)
{
    NL_GROW(list->at, list->count, list->capacity);
    return list->at[list->count++] = block;
}

void *nl_keep(void *block)
{
    pthread_mutex_lock(&lock);
    add(&blocks, block);
    pthread_mutex_unlock(&lock);
    return block;
}

char *nl_keep_text(const char *text)
{
    char *found = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < texts.count && !found; i++)
        if (strcmp(texts.at[i], text) == 0)
            found = texts.at[i];
    if (!found)
        found = add(&texts, nl_strdup(text));
    pthread_mutex_unlock(&lock);
    return found;
}

struct nl_kept nl_kept_now(void)
{
    pthread_mutex_lock(&lock);
    struct nl_kept now = {.blocks = blocks.count, .texts = texts.count};
    pthread_mutex_unlock(&lock);
    return now;
}

void nl_keep_for_good(void)
{
    for_good = nl_kept_now();
}

static void shorten(struct list *list, int count, int least)
{
    while (list->count > count && list->count > least)
        free(list->at[--list->count]);
}

void nl_keep_no_more(struct nl_kept before)
{
    pthread_mutex_lock(&lock);
    shorten(&blocks, before.blocks, for_good.blocks);
    shorten(&texts, before.texts, for_good.texts);
    pthread_mutex_unlock(&lock);
}
