#include "config/keep.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

/* Reachable from here until the end, so that a leak checker sees what is kept on purpose as kept. */
struct kept {
    void **at;
    int count, capacity;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept blocks, texts;

static void *add(struct kept *list, void *block)
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
