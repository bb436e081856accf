// socket.io on the engine `eiows`.
import eiows from "eiows";
import { serve } from "../js/serve.js";

serve({ wsEngine: eiows.Server });
