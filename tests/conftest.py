from jaxtyping import install_import_hook

install_import_hook("emote3d", "typechecker.check")
