"""Links that leave docs/ lead to files of the project, which the site does not hold: there the path is shown instead."""
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]+)\)")


def on_page_markdown(markdown, page, config, files):
    docs = Path(config["docs_dir"]).resolve()

    def shown(found):
        target = (docs / page.file.src_uri).parent / found[2].split("#")[0]
        if target.resolve().is_relative_to(docs):
            return found[0]
        path = target.resolve().relative_to(docs.parent)
        return found[1] if found[1].strip("`") == str(path) else f"{found[1]} (`{path}`)"
    return LINK.sub(shown, markdown)
