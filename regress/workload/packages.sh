#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Packages from local archives: npm, pip
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"

have node npm && work node <<'E'
mkdir -p lib app && cd lib
echo '{"name":"l","version":"1.0.0","main":"i.js","bin":{"l":"i.js"}}' >package.json
printf '#!/usr/bin/env node\nmodule.exports = n => n * 2;\nif (require.main === module) console.log("bin");\n' >i.js
npm pack --silent --no-update-notifier --offline && cd ../app
echo '{"name":"a","version":"1.0.0","scripts":{"t":"node t.js"}}' >package.json
cat >t.js <<'J'
const fs = require("fs"), cp = require("child_process");
console.log(require("l")(21), fs.readdirSync(".").sort().join());
fs.writeFileSync("o.txt", "x".repeat(1000)); fs.appendFileSync("o.txt", "y");
console.log(fs.statSync("o.txt").size, cp.execSync("echo sub").toString().trim());
fs.renameSync("o.txt", "p.txt"); fs.unlinkSync("p.txt");
J
npm install --silent --no-update-notifier --offline --no-audit --no-fund ../lib/l-1.0.0.tgz
npm run --silent --no-update-notifier t && node_modules/.bin/l && ls -A node_modules
E

have_modules pip setuptools wheel && work pip <<'E'
mkdir -p src/q
echo 'X = 5' >src/q/__init__.py
echo 'from setuptools import setup
setup(name="q", version="1.0", packages=["q"])' >src/setup.py
PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install -q --no-index --no-build-isolation --no-deps --no-compile --target t ./src
PYTHONPATH=t python3 -c 'import q; print(q.X)'
rm -rf src/build src/*.egg-info
E
done_all
