// nginx in front of several nodes, which hands each request to the next of them, whatever session it is for.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../js/support.mjs';
import { freePort, listens, run } from './brokers.mjs';

const page = (folder, port, nodes) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  upstream nodes {
    ${nodes.map((node) => `server 127.0.0.1:${node} max_fails=0;`).join('\n    ')}
  }
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffering off;
      proxy_read_timeout 90s;
      client_max_body_size 4m;
    }
  }
}
`;

export class Balancer {
  #process;
  #folder = mkdtempSync(join(tmpdir(), 'sansocket-nginx-'));

  /** Starts it in front of nodes, of which these are the ports. */
  static async start(nodes) {
    const balancer = new Balancer();
    const port = await freePort();
    const file = join(balancer.#folder, 'nginx.conf');
    writeFileSync(file, page(balancer.#folder, port, nodes));
    balancer.url = `http://127.0.0.1:${port}`;
    balancer.#process = run('nginx', ['-e', 'stderr', '-p', balancer.#folder, '-c', file]);
    let end = null;
    balancer.#process.ended.then((how) => (end = how));
    await eventually('nginx listens', () => {
      if (end) throw new Error(`nginx ${end}: it is in the Debian package nginx`);
      return listens(port);
    });
    return balancer;
  }

  async stop() {
    this.#process.kill('SIGKILL');
    await this.#process.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
