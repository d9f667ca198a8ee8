/* Parses an SVG with expat, and writes again only the elements and attributes that are known to be harmless. */
#include "report/svg.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"

struct filter {
    XML_Parser parser;
    struct nl_text out;
    const char *prefix, *label;
    int depth;    /* of elements that are written */
    int left_out; /* depth of elements from one that is left out on */
    int texts;    /* depth of text elements: elsewhere characters are layout */
};

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static bool is_shape(const char *name)
{
    static const char *const shapes[] = {"svg",
                                         "g",
                                         "defs",
                                         "use",
                                         "path",
                                         "rect",
                                         "circle",
                                         "ellipse",
                                         "line",
                                         "polyline",
                                         "polygon",
                                         "text",
                                         "tspan",
                                         "image",
                                         "clipPath",
                                         "pattern",
                                         "stop",
                                         "linearGradient",
                                         "radialGradient",
                                         "filter",
                                         "feFlood",
                                         "feComposite",
                                         NULL};
    return is_one_of(name, shapes);
}

static bool is_text(const char *name)
{
    return strcmp(name, "text") == 0 || strcmp(name, "tspan") == 0;
}

/* Within the picture "#id"; an image may be a PNG that stands there whole. */
static bool is_local(const char *element, const char *target)
{
    static const char png[] = "data:image/png;base64,";
    return *target == '#' || (strcmp(element, "image") == 0 && strncmp(target, png, strlen(png)) == 0);
}

static void add_target(struct filter *filter, const char *target)
{
    if (*target == '#')
        nl_text_add(&filter->out, "#%s", filter->prefix);
    nl_html_add(&filter->out, *target == '#' ? target + 1 : target);
}

/* Adds a value with the prefix after every "url(#"; the caller has seen that there is no other url. */
static void add_value(struct filter *filter, const char *value)
{
    for (const char *at; (at = strstr(value, "url(#")); value = at + strlen("url(#")) {
        char *before = nl_format("%.*s", (int)(at - value), value);
        nl_html_add(&filter->out, before);
        nl_text_add(&filter->out, "url(#%s", filter->prefix);
        free(before);
    }
    nl_html_add(&filter->out, value);
}

/* CSS can spell "url" with backslashes and comments, and has no need to here. */
static bool is_harmless(const char *value)
{
    if (strpbrk(value, "\\@") || strstr(value, "/*"))
        return false;
    for (const char *at = value; *at; at++)
        if (strncasecmp(at, "url", 3) == 0 && strncmp(at, "url(#", 5) != 0)
            return false;
    return true;
}

static void add_attribute(struct filter *filter, const char *element, const char *name, const char *value)
{
    static const char *const dropped[] = {"href", "class", "role", "tabindex", "lang", NULL};
    bool is_link = strcmp(name, "xlink:href") == 0, is_id = strcmp(name, "id") == 0;
    if (is_link && is_local(element, value)) {
        nl_text_add(&filter->out, " href=\"");
        add_target(filter, value);
    } else if (!is_link && strncasecmp(name, "on", 2) != 0 && strncasecmp(name, "aria", 4) != 0 &&
               strncasecmp(name, "xmlns", 5) != 0 && !strchr(name, ':') && !is_one_of(name, dropped) &&
               is_harmless(value)) {
        nl_text_add(&filter->out, " %s=\"%s", name, is_id ? filter->prefix : "");
        add_value(filter, value);
    } else {
        return;
    }
    nl_text_add(&filter->out, "\"");
}

static void XMLCALL begin_element(void *data, const XML_Char *name, const XML_Char **attribute)
{
    struct filter *filter = data;
    bool root = filter->depth == 0;
    if (filter->left_out || !is_shape(name) || root != (strcmp(name, "svg") == 0)) {
        filter->left_out++;
        return;
    }
    filter->depth++;
    filter->texts += is_text(name);
    nl_text_add(&filter->out, "<%s", name);
    if (root) {
        nl_text_add(&filter->out, " xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"");
        nl_html_add(&filter->out, filter->label);
        nl_text_add(&filter->out, "\"");
    }
    for (; *attribute; attribute += 2)
        add_attribute(filter, name, attribute[0], attribute[1]);
    nl_text_add(&filter->out, ">");
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
    struct filter *filter = data;
    if (filter->left_out) {
        filter->left_out--;
        return;
    }
    filter->depth--;
    filter->texts -= is_text(name);
    nl_text_add(&filter->out, filter->texts ? "</%s>" : "</%s>\n", name);
}

static void XMLCALL characters(void *data, const XML_Char *text, int length)
{
    struct filter *filter = data;
    if (filter->left_out || !filter->texts)
        return;
    char *part = nl_format("%.*s", length, text);
    nl_html_add(&filter->out, part);
    free(part);
}

/* Refuses a document type, which could define entities. */
static void XMLCALL refuse_document_type(void *data, const XML_Char *name, const XML_Char *system,
                                         const XML_Char *public, int internal)
{
    struct filter *filter = data;
    (void)name, (void)system, (void)public, (void)internal;
    XML_StopParser(filter->parser, XML_FALSE);
}

char *nl_svg_element(const char *svg, size_t length, const char *prefix, const char *label, struct nl_error *err)
{
    struct filter filter = {.parser = XML_ParserCreate("UTF-8"), .prefix = prefix, .label = label};
    NL_ASSERT(filter.parser);
    XML_SetUserData(filter.parser, &filter);
    XML_SetElementHandler(filter.parser, begin_element, end_element);
    XML_SetCharacterDataHandler(filter.parser, characters);
    XML_SetStartDoctypeDeclHandler(filter.parser, refuse_document_type);
    if (length > 1u << 30 || XML_Parse(filter.parser, svg, (int)length, XML_TRUE) != XML_STATUS_OK) {
        nl_fail(err, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(filter.parser),
                XML_ErrorString(XML_GetErrorCode(filter.parser)));
        nl_text_release(&filter.out);
    } else if (!filter.out.length) {
        nl_fail(err, "it is not SVG");
    }
    XML_ParserFree(filter.parser);
    return filter.out.at;
}
