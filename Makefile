.PHONY: demo test
demo test:
	python3 make.py $@
