"""Recipes: strict YAML (`load`), typed (`schema`, `check`), turned into objects (`build`)."""
