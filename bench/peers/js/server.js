// socket.io on its default engine `ws`.
import { serve } from "./serve.js";

serve({});
